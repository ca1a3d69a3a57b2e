"""A StyleGAN2 generator that another project trained -> this project's files, without running its code.

Reads StyleGAN2 networks of stylegan2-ada-pytorch and stylegan3, of rosinality's stylegan2-pytorch, the decoders of pSp,
e4e and ReStyle, and BasicSR's, from .pkl, .pt and .pth files. The result holds a generator alone; `dnpm train encoder
--generator DIR` learns the way from sliders.

dnpm convert network-snapshot-025000.pkl --out build/mine --scale-mm 0.9
dnpm convert 550000.pt --out build/mine --one-channel
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import logs
from ..errors import DnpmError

log = logs.logger(__name__)

CHECKED = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """File in, folder out, and what its numbers mean."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the checkpoint (.pkl, .pt)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the result")
    parser.add_argument("--key", metavar="NAME", help="network of the file (default the averaged one, or the only one)")
    parser.add_argument(
        "--scale-mm", type=float, default=1.0, metavar="MM",
        help="millimetres of displacement that one unit of its output stands for (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--one-channel", action="store_true", help="average the colours of a 3-channel network")


def run(args: argparse.Namespace) -> int:
    """Convert, draw a few maps from what was written, say what they are."""
    import torch

    from ..detail.foreign import read_generator
    from ..detail.generator_files import load_generator, save_generator
    from ..files import tensor_file

    if not args.scale_mm > 0:
        raise DnpmError(f"--scale-mm {args.scale_mm:g}: must be positive")
    found = read_generator(args.file, key=args.key, one_channel=args.one_channel, scale_mm=args.scale_mm)
    card = save_generator(
        args.out,
        found.generator,
        {"name": args.file.stem, "source": found.source, "network": found.network, "file": args.file.name,
         "file_sha256": tensor_file.sha256(args.file), "notes": list(found.notes),
         "licence": "that of the file it was converted from"},
    )  # fmt: skip
    generator, _ = load_generator(args.out)
    z = torch.randn(CHECKED, generator.config.z_dim, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        images, before = generator(z), found.generator(z)
    if not torch.equal(images, before):
        raise DnpmError(f"{args.out}: gives other images than were read; the disk may be faulty, convert it again")
    c = generator.config
    where = f", {found.network}" if found.network else ""
    log.info(
        "%s",
        f"{found.source}{where}: {c.resolution} x {c.resolution}, {c.img_channels} channel(s), base {c.channel_base}, "
        f"at most {c.channel_max} channels, {card['parameters']:,} parameters\n"
        f"{CHECKED} maps: mean {images.mean():+.4f} mm, standard deviation {images.std():.4f} mm, "
        f"{images.min():.3f} to {images.max():.3f}",
    )
    for note in found.notes:
        log.warning("%s", note)
    print(args.out)
    return 0
