"""What the doctor looks for, one file each; see `Check`."""
