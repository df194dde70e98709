"""Personal data: what is found in a text and how it is taken out before anything is stored or sent. See README.md."""
