"""What a trained network looks for and where it looks: pictures and a page."""
