"""What is known of models' families and of providers before they are asked: data, and how it is looked up."""
