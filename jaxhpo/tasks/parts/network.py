"""The kinds of model that `supervised` takes, brought to one form: a pair of pure functions.

A model is a function of the hyperparameters, called inside the program, so that every attribute of
a layer may be a traced number.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from flax import linen, nnx

from jaxhpo import slips
from jaxhpo.contracts import Hyperparameters

_STREAMS = ("dropout", "default")  # what a linen layer may draw from while training


class Network(NamedTuple):
    """init: ``(key, hp, inputs) -> (params, rest)``. apply: ``(hp, params, rest, inputs, key) ->
    (outputs, rest)``; training if there is a key, evaluating if it is None. `params` is what the
    optimizer sees, `rest` what else the model keeps (running means, counters)."""

    init: Callable[[jax.Array, Hyperparameters, Any], tuple[Any, Any]]
    apply: Callable[[Hyperparameters, Any, Any, Any, jax.Array | None], tuple[Any, Any]]


def network(model: Any) -> Network:
    """The functions of a model given in any of three forms.

    ``(hp) -> flax.linen.Module`` (or such a class with one field), ``(hp, rngs) ->
    flax.nnx.Module`` (`rngs` may be keyword-only), or a pair of functions
    ``init(key, hp, inputs) -> params`` and ``apply(hp, params, inputs, key) -> outputs``, where key
    is None while evaluating.

    Raises:
        ValueError: if it is none of these.
    """
    if isinstance(model, tuple) and len(model) == 2 and all(map(callable, model)):
        slips.takes("supervised(model=(init, ...))", model[0], "key", "hp", "inputs")
        slips.takes("supervised(model=(..., apply))", model[1], "hp", "params", "inputs", "key")
        return _trainable(_pair(*model))
    build: Any = model
    arguments = _arguments(model)
    if arguments == 1 and _wants_rngs(model):  # as the constructors of nnx modules are written
        return _trainable(_nnx(lambda hp, rngs: build(hp, rngs=rngs)))
    if arguments == 1:
        return _trainable(_linen(build))
    if arguments == 2:
        return _trainable(_nnx(build))
    raise ValueError(
        "supervised(model=...) must be a function (hp) -> flax.linen.Module, a function "
        f"(hp, rngs) -> flax.nnx.Module, or a pair (init, apply), got {model!r}"
    )


def prepared(net: Network, prepare: Callable[[Any], Any] | None) -> Network:
    """`net` with every batch of inputs passed through `prepare` first.

    Raises:
        ValueError: if that is no function.
    """
    if prepare is None:
        return net
    if not callable(prepare):
        raise ValueError(
            f"supervised(prepare=...) must be a function (inputs) -> inputs, got {prepare!r}"
        )
    return Network(
        lambda key, hp, inputs: net.init(key, hp, prepare(inputs)),
        lambda hp, params, rest, inputs, key: net.apply(hp, params, rest, prepare(inputs), key),
    )


def _trainable(net: Network) -> Network:
    """Refuses, while it is traced, a model in which there is nothing to train."""

    def init(key: jax.Array, hp: Hyperparameters, inputs: Any) -> tuple[Any, Any]:
        params, rest = net.init(key, hp, inputs)
        if not jax.tree.leaves(params):
            raise ValueError(
                "supervised(model=...): the model has no parameters to train, got "
                f"{params!r} from its initialisation; return the pytree of its weights, or search "
                "a plain function with jaxhpo.tasks.objective"
            )
        return params, rest

    return net._replace(init=init)


def _arguments(fn: Any) -> int:
    if not callable(fn) or isinstance(fn, linen.Module | nnx.Module):
        return 0
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if isinstance(fn, type) and issubclass(fn, linen.Module):
        fields = inspect.signature(fn).parameters.values()  # beside its own, "parent" and "name"
        return sum(p.kind in kinds and p.default is p.empty for p in fields)
    # nnx hides the signature of a class's constructor behind its metaclass.
    is_class = isinstance(fn, type)
    parameters = inspect.signature(fn.__init__ if is_class else fn).parameters.values()
    return sum(p.kind in kinds for p in parameters) - is_class


def _wants_rngs(fn: Any) -> bool:
    found = inspect.signature(fn.__init__ if isinstance(fn, type) else fn).parameters.get("rngs")
    return found is not None and found.kind is found.KEYWORD_ONLY


def _pair(init: Callable[..., Any], apply: Callable[..., Any]) -> Network:
    return Network(
        lambda key, hp, inputs: (init(key, hp, inputs), {}),
        lambda hp, params, rest, inputs, key: (apply(hp, params, inputs, key), rest),
    )


def _linen(build: Callable[[Hyperparameters], linen.Module]) -> Network:
    def made(hp: Hyperparameters) -> tuple[linen.Module, Callable[[bool], dict[str, Any]]]:
        module = build(hp)
        if not isinstance(module, linen.Module):
            raise ValueError(
                "supervised(model=...): a function of one argument must return a "
                f"flax.linen.Module, got {type(module).__name__}"
            )
        names = inspect.signature(type(module).__call__).parameters
        if "train" in names:
            return module, lambda train: {"train": train}
        if "deterministic" in names:
            return module, lambda train: {"deterministic": not train}
        return module, lambda train: {}

    def init(key: jax.Array, hp: Hyperparameters, inputs: Any) -> tuple[Any, Any]:
        module, mode = made(hp)
        variables = dict(module.init(key, inputs, **mode(False)))
        return variables.pop("params", {}), variables

    def apply(
        hp: Hyperparameters, params: Any, rest: Any, inputs: Any, key: jax.Array | None
    ) -> tuple[Any, Any]:
        module, mode = made(hp)
        variables = {"params": params, **rest}
        if key is None:
            return module.apply(variables, inputs, **mode(False)), rest
        streams = {name: jax.random.fold_in(key, i) for i, name in enumerate(_STREAMS)}
        outputs, changed = module.apply(
            variables, inputs, rngs=streams, mutable=list(rest), **mode(True)
        )
        return outputs, {**rest, **changed}

    return Network(init, apply)


def _nnx(build: Callable[[Hyperparameters, nnx.Rngs], nnx.Module]) -> Network:
    def made(hp: Hyperparameters, key: jax.Array) -> nnx.Module:
        model = build(hp, nnx.Rngs(key))
        if not isinstance(model, nnx.Module):
            raise ValueError(
                "supervised(model=...): a function of two arguments must return a "
                f"flax.nnx.Module, got {type(model).__name__}"
            )
        return model

    def parts(model: nnx.Module) -> tuple[Any, Any]:
        _, params, _, rest = nnx.split(model, nnx.Param, nnx.RngState, ...)
        return params, rest

    def init(key: jax.Array, hp: Hyperparameters, inputs: Any) -> tuple[Any, Any]:
        params, rest = parts(made(hp, key))
        return nnx.to_pure_dict(params), nnx.to_pure_dict(rest)

    def apply(
        hp: Hyperparameters, params: Any, rest: Any, inputs: Any, key: jax.Array | None
    ) -> tuple[Any, Any]:
        # The module is built anew in every program, since its layers may hold traced numbers; its
        # fresh weights are replaced at once, so that the compiler drops what drew them.
        model = made(hp, jax.random.key(0) if key is None else key)
        params_like, rest_like = parts(model)
        nnx.replace_by_pure_dict(params_like, params)
        nnx.replace_by_pure_dict(rest_like, rest)
        nnx.update(model, params_like, rest_like)
        if key is None:
            model.eval()
            return model(inputs), rest  # type: ignore[operator]
        model.train()
        outputs = model(inputs)  # type: ignore[operator]
        return outputs, nnx.to_pure_dict(parts(model)[1])

    return Network(init, apply)
