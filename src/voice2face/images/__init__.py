"""Pictures: reading faces in, and setting generated faces out on a sheet."""
