"""A synthetic world with known truth: people whose voices and faces are drawn from latents."""
