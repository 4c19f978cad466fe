"""What a network looks for and where it looks: the command ``explain``, Grad-CAM and occlusion."""
