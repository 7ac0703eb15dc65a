"""Money: what Stripe has, what is wanted of it, and what follows for the seats. Pure decisions."""
