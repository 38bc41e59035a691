"""What stands behind the ports of delivery."""
