"""Forward and backward passes with specified bits, as functions of tensors."""
