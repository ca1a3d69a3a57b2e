"""Training of G alone by the recipe of StyleGAN2 with adaptive discriminator augmentation."""
