"""The packages of torch.export and AOTInductor: their archive, programs, weights and constants, read as data."""
