"""StyleGAN2's generator as its paper writes it, in numpy and float64, slow and plain: what ours must equal.

Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN": Figure 2 c (weight demodulation, Eq. 1 and
3), Figure 7 b (skip generator), and the appendix for the mapping network, equalised learning rates and the filter
[1, 3, 3, 1]. Nothing of the project is used here. Parameters have the names of the public checkpoints, whose kernels
correlate, but convolve (turned by 180 degrees) where a layer enlarges.

    python tests/core/detail/naive_stylegan2.py        writes tests/data/stylegan2_reference_32.npz anew
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[2] / "data" / "stylegan2_reference_32.npz"
RESOLUTION, CHANNELS, DIMENSION, LAYERS = 32, {4: 12, 8: 12, 16: 12, 32: 8}, 24, 8
"""A small network: 32 x 32, one colour; channels are min(256 // resolution, 12)."""
_TAPS = np.array([1.0, 3.0, 3.0, 1.0])


def random_state(seed: int) -> dict[str, np.ndarray]:
    """A network as it is initialised, float32; biases, noise and the mean of w are not 0, so that they count."""
    rng = np.random.default_rng(seed)
    normal = lambda *shape: rng.standard_normal(shape).astype(np.float32)  # noqa: E731
    state = {"mapping.w_avg": 0.3 * normal(DIMENSION)}
    for k in range(LAYERS):
        # Stored over the learning-rate factor, 0.01.
        state |= {f"mapping.fc{k}.weight": normal(DIMENSION, DIMENSION) / np.float32(0.01),
                  f"mapping.fc{k}.bias": normal(DIMENSION) * 20}  # fmt: skip
    state["synthesis.b4.const"] = normal(CHANNELS[4], 4, 4)
    taps = np.outer(_TAPS, _TAPS).astype(np.float32) / 64
    for r, width in CHANNELS.items():
        block, before = f"synthesis.b{r}", CHANNELS[max(4, r // 2)]
        state[f"{block}.resample_filter"] = taps
        for name, inputs in (("conv0", before), ("conv1", width)) if r > 4 else (("conv1", width),):
            state |= {
                f"{block}.{name}.weight": normal(width, inputs, 3, 3), f"{block}.{name}.bias": 0.3 * normal(width),
                f"{block}.{name}.noise_strength": np.float32(0.4 * rng.standard_normal()),
                f"{block}.{name}.noise_const": normal(r, r), f"{block}.{name}.resample_filter": taps,
                f"{block}.{name}.affine.weight": normal(inputs, DIMENSION),
                f"{block}.{name}.affine.bias": 1 + 0.2 * normal(inputs),
            }  # fmt: skip
        state |= {
            f"{block}.torgb.weight": normal(1, width, 1, 1), f"{block}.torgb.bias": 0.3 * normal(1),
            f"{block}.torgb.affine.weight": normal(width, DIMENSION),
            f"{block}.torgb.affine.bias": 1 + 0.2 * normal(width),
        }  # fmt: skip
    return state


def mapping(state: dict[str, np.ndarray], z: np.ndarray, psi: float = 1.0) -> np.ndarray:
    """z (DIMENSION,) -> w (DIMENSION,); psi: the truncation trick."""
    x = z.astype(np.float64)
    x = x / np.sqrt(np.mean(x**2) + 1e-8)
    for k in range(LAYERS):
        weight, bias = (state[f"mapping.fc{k}.{name}"].astype(np.float64) for name in ("weight", "bias"))
        x = _leaky(0.01 / np.sqrt(len(x)) * weight @ x + 0.01 * bias)
    average = state["mapping.w_avg"].astype(np.float64)
    return average + psi * (x - average)


def synthesis(state: dict[str, np.ndarray], w_plus: np.ndarray, noise: bool = True) -> np.ndarray:
    """w+ (rows, DIMENSION) -> (1, R, R). Each block's ToRGB shares its row of w+ with the next block's first layer."""
    p = {name.removeprefix("synthesis."): v.astype(np.float64) for name, v in state.items()}
    x, image, row = p["b4.const"], np.zeros((1, 2, 2)), 0
    for r in CHANNELS:
        for name in ("conv0", "conv1") if r > 4 else ("conv1",):
            layer = f"b{r}.{name}"
            kernel = _modulated(p, layer, w_plus[row], demodulate=True)
            x = _enlarged(x, kernel) if name == "conv0" else _convolved(x, kernel)
            if noise:
                x = x + p[f"{layer}.noise_strength"] * p[f"{layer}.noise_const"]
            x = _leaky(x + p[f"{layer}.bias"][:, None, None])
            row += 1
        layer = f"b{r}.torgb"
        shown = _convolved(x, _modulated(p, layer, w_plus[row], demodulate=False)) + p[f"{layer}.bias"][:, None, None]
        image = _filtered(_spread(image), 4.0) + shown
    return image


def _modulated(p: dict[str, np.ndarray], layer: str, w: np.ndarray, demodulate: bool) -> np.ndarray:
    """Eq. 1 and Eq. 3: the kernel (out, in, k, k) for one style."""
    style = p[f"{layer}.affine.weight"] @ w / np.sqrt(len(w)) + p[f"{layer}.affine.bias"]
    weight = p[f"{layer}.weight"]
    if not demodulate:
        # Equalised learning rate: He's constant at run time. Demodulation makes it cancel.
        return weight * style[None, :, None, None] / np.sqrt(weight[0].size)
    scaled = weight * style[None, :, None, None]
    return scaled / np.sqrt((scaled**2).sum((1, 2, 3), keepdims=True) + 1e-8)


def _convolved(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """(in, h, w) with (out, in, k, k) -> (out, h, w); cross-correlation, zeros around, as networks call convolution."""
    k, (_, height, width) = kernel.shape[2], x.shape
    padded = np.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    result = np.zeros((len(kernel), height, width))
    for dy in range(k):
        for dx in range(k):
            result += np.einsum("oi,ihw->ohw", kernel[:, :, dy, dx], padded[:, dy : dy + height, dx : dx + width])
    return result


def _enlarged(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Zeros between the pixels, convolution, filter. What the convolution carries beyond the border is filtered too."""
    wide = np.pad(_spread(x), ((0, 0), (1, 1), (1, 1)))
    return _filtered(_convolved(wide, kernel[:, :, ::-1, ::-1]), 4.0)[:, 1:-1, 1:-1]


def _spread(x: np.ndarray) -> np.ndarray:
    """Zeros between the pixels: (c, h, w) -> (c, 2 h, 2 w)."""
    result = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2]))
    result[:, ::2, ::2] = x
    return result


def _filtered(x: np.ndarray, gain: float) -> np.ndarray:
    """With [1, 3, 3, 1] in both directions; `gain` makes up for the zeros. One texel more before than after."""
    size = x.shape[1]
    padded = np.pad(x, ((0, 0), (2, 1), (2, 1)))
    taps = np.outer(_TAPS, _TAPS) / 64 * gain
    return sum(taps[a, b] * padded[:, a : a + size, b : b + size] for a in range(4) for b in range(4))


def _leaky(x: np.ndarray) -> np.ndarray:
    """Leaky ReLU of slope 0.2, times sqrt(2), which keeps the variance."""
    return np.sqrt(2) * np.where(x >= 0, x, 0.2 * x)


def reference(seed: int = 20) -> dict[str, np.ndarray]:
    """The network (`G.` before its names), inputs and outputs, as they lie in the file."""
    state, rng = random_state(seed), np.random.default_rng(seed + 1)
    rows = 2 * len(CHANNELS)
    z = rng.standard_normal((3, DIMENSION)).astype(np.float32)
    w_plus = rng.standard_normal((3, rows, DIMENSION)).astype(np.float32)
    made = {
        "w": [mapping(state, one) for one in z], "w_psi07": [mapping(state, one, 0.7) for one in z],
        "image_const": [synthesis(state, one) for one in w_plus],
        "image_nonoise": [synthesis(state, one, noise=False) for one in w_plus],
    }  # fmt: skip
    result = {f"G.{name}": value for name, value in state.items()} | {"z": z, "w_plus": w_plus}
    for name, values in made.items():
        value = np.stack(values).astype(np.float32)
        result[name] = np.repeat(value[:, None], rows, 1) if name.startswith("w") else value
    return result


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **reference())
    print(f"{FILE}: {FILE.stat().st_size} bytes")
