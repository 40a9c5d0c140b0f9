"""What a commit becomes, as pure values: the model, the rendered Compose project."""
