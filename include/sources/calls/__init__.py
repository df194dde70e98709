"""Calls and chats as other programs write them: a small file for each program, and what they share."""
