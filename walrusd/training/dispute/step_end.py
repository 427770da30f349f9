"""The operations of a step after its micro-batches: losses and folds, clipping, the optimizer."""

from collections.abc import Mapping, Sequence

from walrusd.training.dispute.forms import HASH, Form
from walrusd.training.dispute.operation import Input, InputSource, Operation, OperationList, take
from walrusd.training.plan.plan import Plan


def list_step_end(
    plan: Plan, losses: Sequence[int], sums: Mapping[str, int]
) -> tuple[Operation, ...]:
    """Return the operations after the micro-batches, numbered from 0.

    ``losses`` are the numbers of the micro-batches' losses, and ``sums`` those of the gradients of
    the whole batch, by tensor; both are negative.
    """
    walk = OperationList()
    tensors = {tensor.name: Form("f32", tensor.shape) for tensor in plan.model.tensors()}
    given = [take(f"loss {number}", place) for number, place in enumerate(losses)]
    told = walk.add("losses", "losses", Form("f32", (len(losses),)), *given)
    gradients = {name: take(f"gradient/{name}", place) for name, place in sums.items()}
    all_gradients = [gradients[name] for name in tensors]
    folds = walk.add("folds", "folds", Form("f32", (len(tensors),)), *all_gradients)
    if plan.clipping is not None:
        norm = take("norm", walk.add("norm", "norm", Form("f32"), *all_gradients))
        for name, form in tensors.items():
            place = walk.add("clip", f"clip {name}", form, norm, gradients[name])
            gradients[name] = take(f"gradient/{name}", place)
    step = Input("step", InputSource.CONSTANT, of="step")
    shared = [take("rate", walk.add("rate", "choose rate", Form("f32"), step))]
    kind, ends = plan.optimizer.kind, []
    for power in plan.optimizer.powers:
        before = Input("power", InputSource.STATE, of=power)
        place = walk.add(f"{kind}.power", f"optimizer {power}", Form("f64"), before)
        shared.append(take(power, place))
        ends.append(take(power, place))
    for name, form in tensors.items():
        moved = []
        for slot in plan.optimizer.slots:
            before = Input(slot, InputSource.STATE, of=f"{slot}/{name}")
            given = [before, take("gradient", gradients[name].place)]
            place = walk.add(f"{kind}.{slot}", f"optimizer {name}: {slot}", form, *given)
            moved.append(take(slot, place))
            ends.append(take(f"{slot}/{name}", place))
        before = Input("weight", InputSource.STATE, of=f"weight/{name}")
        place = walk.add(
            f"{kind}.weight", f"optimizer {name}: weight", form, before, *moved, *shared
        )
        ends.append(take(f"weight/{name}", place))
    before = Input("chain", InputSource.RECORD, of="chain")
    both = take("losses", told), take("folds", folds)
    walk.add("chain", "chain", Form(HASH), before, *both)
    walk.add("state", "state", Form(HASH), *ends)
    return tuple(walk.operations)
