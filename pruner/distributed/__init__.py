"""What the files of torch.distributed.checkpoint say: its folder, its metadata, and the items that they lead to."""
