"""A face's displacement map: live preview, the image that shows it, baked sequences, sculpts."""
