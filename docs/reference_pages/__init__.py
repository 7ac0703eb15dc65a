"""The generated reference, a function for each page. Each reads the one place in the code where its facts are defined."""
