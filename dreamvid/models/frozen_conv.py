"""A convolution whose weights are frozen, together with the ReLU behind it, made for the gradient on its input.

Processors' libraries are tuned for the forward pass. The backward pass of a strided depthwise convolution in bfloat16
takes fifty times as long as the forward one, and others twice or three times. With frozen weights the gradient on the
input is itself a forward convolution, with the kernel turned round.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class FrozenConv(nn.Module):
    """A convolution, and a ReLU (`ceiling` infinite) or ReLU6 behind it (6) or nothing (`ceiling` None).

    Attributes:
        kernel_size, stride, padding, dilation: those of the convolution.
        exclusive: whether nobody else keeps the gradient that arrives here, so that it may be overwritten.
    """

    weight: Tensor
    bias: Tensor | None
    turned: Tensor

    def __init__(self, conv: nn.Conv2d, ceiling: float | None, *, exclusive: bool = False) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.dilation = conv.kernel_size, conv.stride, conv.dilation
        self.padding = cast(tuple[int, int], conv.padding)
        self.groups, self.ceiling, self.exclusive = conv.groups, ceiling, exclusive
        self.register_buffer("weight", conv.weight.detach())
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach())
        self.register_buffer("turned", _turned(self.weight, conv.groups))

    @staticmethod
    def fits(conv: nn.Conv2d) -> bool:
        """Whether a convolution is of the kinds that gain: pointwise, or depthwise of stride 1 or 2."""
        if conv.padding_mode != "zeros" or isinstance(conv.padding, str) or conv.dilation != (1, 1):
            return False
        if conv.kernel_size == conv.stride == (1, 1) and conv.padding == (0, 0):
            return conv.groups == 1
        kernel, stride = conv.kernel_size[0], conv.stride[0]
        depthwise = conv.groups == conv.in_channels == conv.out_channels
        same = conv.padding == (kernel // 2 - (1 - kernel % 2),) * 2
        return depthwise and conv.kernel_size == (kernel, kernel) and same and stride in (1, 2)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type in ("cpu", "meta"):
            return cast(Tensor, _Convolve.apply(x, self))
        return self.rectify(F.conv2d(x, self.weight, self.bias, self.stride, self.padding, 1, self.groups))

    def rectify(self, y: Tensor) -> Tensor:
        """The ReLU alone, in place."""
        if self.ceiling is None:
            return y
        return F.relu_(y) if self.ceiling == torch.inf else F.hardtanh_(y, 0.0, self.ceiling)


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, conv: FrozenConv) -> Tensor:
        y = conv.rectify(F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding, 1, conv.groups))
        ctx.conv, ctx.size = conv, x.shape[-2:]
        if conv.ceiling is not None:
            ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        conv: FrozenConv = ctx.conv
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        if conv.ceiling is not None:
            (y,) = ctx.saved_tensors
            ceiling = min(conv.ceiling, torch.finfo(y.dtype).max)
            if conv.exclusive:
                gradient = torch.ops.aten.hardtanh_backward.grad_input(gradient, y, 0.0, ceiling, grad_input=gradient)
            else:
                gradient = torch.ops.aten.hardtanh_backward(gradient, y, 0.0, ceiling)
        if conv.stride == (1, 1):
            padding = [k - 1 - p for k, p in zip(conv.kernel_size, conv.padding, strict=True)]
            return F.conv2d(gradient, conv.turned, None, 1, padding, 1, conv.groups), None
        wanted = [
            size - ((length - 1) * 2 - 2 * padding + kernel)
            for size, length, padding, kernel in zip(
                ctx.size, gradient.shape[-2:], conv.padding, conv.kernel_size, strict=True
            )
        ]
        # At least in float32: in bfloat16 the processor's library takes fifty times as long.
        dtype = torch.promote_types(gradient.dtype, torch.float32)
        spread = F.conv_transpose2d(
            gradient.to(dtype), conv.weight.to(dtype), None, conv.stride, conv.padding, wanted, conv.groups
        )
        return spread.to(gradient.dtype), None


def _turned(weight: Tensor, groups: int) -> Tensor:
    """The kernel whose forward convolution is the gradient on the input of a convolution of stride 1."""
    turned = weight.flip(2, 3)
    return (turned if groups > 1 else turned.transpose(0, 1)).contiguous()
