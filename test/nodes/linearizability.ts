import type { History, Operation, State } from './history.ts'
import { describe, violation, type Rule, type Violation } from './violation.ts'

/** The earliest or latest time at which a state can have begun, and the operation that sets it. */
interface Bound {
  time: number
  because?: Operation | undefined
}

/** Bounds of the states by index. One more stands for the end of time, when the last state ends. */
interface Bounds {
  earliest: Bound[]
  latest: Bound[]
}

type Verify = Extract<Operation, { kind: 'verify' }>

/**
 * Checks that all nodes behaved as one register (linearizability; Herlihy and Wing, 1990).
 *
 * The database has recorded the order of the states. Each needs a time at which it began, in that
 * order, that agrees with every client: within the write that made it, or at any time after the
 * start of that write if its outcome is unknown.
 */
export function checkMoments (history: History, byId: ReadonlyMap<number, Operation>): Violation[] {
  const states = [history.initial, ...history.changes]
  const makers = history.changes.map(({ operation }) => byId.get(operation))
  const accepted = history.operations.filter((operation) => operation.kind === 'verify').filter(({ outcome }) => outcome === 'accepted')
  const valid = statesByToken(states)

  const never = accepted.filter(({ hash }) => !valid.has(hash))
  if (never.length > 0) return never.map((operation) => violation('one valid token', `${describe(operation)}: this token was never valid`))

  const bounds = findBounds(makers, accepted, valid)
  const contradictions = findContradictions(bounds)
  return contradictions.length > 0 ? contradictions : checkReads(history.operations, states, bounds)
}

/** The states in which a token is valid, by its hash. */
function statesByToken (states: readonly State[]): Map<string, number[]> {
  const valid = new Map<string, number[]>()
  states.forEach(({ hash, enabled }, i) => {
    if (hash === null || !enabled) return
    const of = valid.get(hash)
    if (of === undefined) valid.set(hash, [i])
    else of.push(i)
  })
  return valid
}

function findBounds (makers: (Operation | undefined)[], accepted: Verify[], valid: ReadonlyMap<string, number[]>): Bounds {
  const earliest: Bound[] = [{ time: -Infinity }, ...makers.map((maker) => ({ time: maker?.start ?? -Infinity, because: maker })), { time: Infinity }]
  const latest: Bound[] = [{ time: -Infinity }, ...makers.map((maker) => ({ time: maker?.outcome === 'stored' ? maker.end : Infinity, because: maker })), { time: Infinity }]

  // A token is accepted after it first became valid and before it last became invalid.
  for (const operation of accepted) {
    const when = valid.get(operation.hash)!
    const [first, last] = [when[0]!, when.at(-1)!]
    latest[first] = sooner(latest[first]!, { time: operation.end, because: operation })
    earliest[last + 1] = later(earliest[last + 1]!, { time: operation.start, because: operation })
  }

  for (let i = 1; i < earliest.length; i++) earliest[i] = later(earliest[i]!, earliest[i - 1]!)
  for (let i = latest.length - 2; i >= 0; i--) latest[i] = sooner(latest[i]!, latest[i + 1]!)
  return { earliest, latest }
}

function sooner (one: Bound, other: Bound): Bound {
  return other.time < one.time ? other : one
}

function later (one: Bound, other: Bound): Bound {
  return other.time > one.time ? other : one
}

/** States whose earliest begin is after their latest. */
function findContradictions ({ earliest, latest }: Bounds): Violation[] {
  const found = new Map<string, Violation>()
  earliest.forEach((after, i) => {
    const before = latest[i]!
    if (after.time <= before.time) return
    const message = `${describe(after.because)} cannot come before ${describe(before.because)}`
    found.set(message, violation(ruleOf(after.because, before.because), message))
  })
  return [...found.values()]
}

function ruleOf (earliest: Operation | undefined, latest: Operation | undefined): Rule {
  if (latest?.outcome === 'accepted') return 'one valid token'
  return earliest?.outcome === 'accepted' ? 'invalid at once' : 'stored in real-time order'
}

/** Every response agrees with a state that the store may have been in while the request ran. */
function checkReads (operations: readonly Operation[], states: State[], bounds: Bounds): Violation[] {
  return operations.flatMap((operation) => {
    const agrees = claimOf(operation)
    if (agrees === undefined || statesDuring(operation, states, bounds).some(agrees)) return []
    return [violation('one valid token', `${describe(operation)}: this was true at no moment of the request`)]
  })
}

/** What a response says about the state, if anything. */
function claimOf (operation: Operation): ((state: State) => boolean) | undefined {
  if (operation.outcome === 'unknown') return undefined
  if (operation.kind === 'getSettings') {
    const { enabled, hasToken } = operation.outcome
    return (state) => state.enabled === enabled && (state.hash !== null) === hasToken
  }
  if (operation.kind !== 'verify') return undefined
  const isValid = (state: State) => state.enabled && state.hash === operation.hash
  return operation.outcome === 'accepted' ? isValid : (state) => !isValid(state)
}

function statesDuring ({ start, end }: Operation, states: State[], { earliest, latest }: Bounds): State[] {
  const first = firstIndex(states.length, (i) => latest[i + 1]!.time >= start)
  const next = firstIndex(states.length, (i) => earliest[i]!.time > end)
  return states.slice(first, next)
}

/** The first index below `length` for which a condition holds that then holds for all that follow. */
function firstIndex (length: number, holds: (i: number) => boolean): number {
  let [low, high] = [0, length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
