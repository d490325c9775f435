"""What others see of a running bot: signs for a service manager, progress, figures for monitoring."""
