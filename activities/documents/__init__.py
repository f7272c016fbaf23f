"""Inputs as text: input files, PDF and DOCX documents, and database tables."""
