import type { History, Operation, State } from './history.ts'
import { describe, violation, type Rule, type Violation } from './violation.ts'

/** How soon or how late a state can have begun, and the operation that says so. */
interface Limit {
  time: number
  because?: Operation | undefined
}

/** Limits of the states by index. One more stands for the end of time, when the last state ends. */
interface Limits {
  notBefore: Limit[]
  notAfter: Limit[]
}

type Verification = Extract<Operation, { kind: 'verify' }>

/**
 * Checks that all nodes saw one and the same register (linearizability; Herlihy and Wing, 1990).
 *
 * The database says in which order the states came. What is left to find is a moment for the begin
 * of each, in that order, that agrees with the clients: within the operation that made it, or any
 * time after its start where its outcome is unknown.
 */
export function checkMoments (history: History, byId: ReadonlyMap<number, Operation>): Violation[] {
  const states = [history.initial, ...history.changes]
  const makers = history.changes.map(({ operation }) => byId.get(operation))
  const accepted = history.operations.filter((operation) => operation.kind === 'verify').filter(({ outcome }) => outcome === 'accepted')
  const valid = statesByToken(states)

  const never = accepted.filter(({ hash }) => !valid.has(hash))
  if (never.length > 0) return never.map((operation) => violation('one valid token', `${describe(operation)}: this token was never valid`))

  const limits = findLimits(makers, accepted, valid)
  const contradictions = contradictionsOf(limits)
  return contradictions.length > 0 ? contradictions : checkReads(history.operations, states, limits)
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

function findLimits (makers: (Operation | undefined)[], accepted: Verification[], valid: ReadonlyMap<string, number[]>): Limits {
  const notBefore: Limit[] = [{ time: -Infinity }, ...makers.map((maker) => ({ time: maker?.start ?? -Infinity, because: maker })), { time: Infinity }]
  const notAfter: Limit[] = [{ time: -Infinity }, ...makers.map((maker) => ({ time: maker?.outcome === 'stored' ? maker.end : Infinity, because: maker })), { time: Infinity }]

  // A token is accepted after it became valid for the first time and before it ceased to be for the last.
  for (const operation of accepted) {
    const when = valid.get(operation.hash)!
    const [first, last] = [when[0]!, when.at(-1)!]
    notAfter[first] = sooner(notAfter[first]!, { time: operation.end, because: operation })
    notBefore[last + 1] = later(notBefore[last + 1]!, { time: operation.start, because: operation })
  }

  for (let i = 1; i < notBefore.length; i++) notBefore[i] = later(notBefore[i]!, notBefore[i - 1]!)
  for (let i = notAfter.length - 2; i >= 0; i--) notAfter[i] = sooner(notAfter[i]!, notAfter[i + 1]!)
  return { notBefore, notAfter }
}

function sooner (one: Limit, other: Limit): Limit {
  return other.time < one.time ? other : one
}

function later (one: Limit, other: Limit): Limit {
  return other.time > one.time ? other : one
}

/** States that had to begin later than they could. */
function contradictionsOf ({ notBefore, notAfter }: Limits): Violation[] {
  const found = new Map<string, Violation>()
  notBefore.forEach((earliest, i) => {
    const latest = notAfter[i]!
    if (earliest.time <= latest.time) return
    const message = `${describe(earliest.because)} cannot come before ${describe(latest.because)}`
    found.set(message, violation(ruleOf(earliest.because, latest.because), message))
  })
  return [...found.values()]
}

function ruleOf (earliest: Operation | undefined, latest: Operation | undefined): Rule {
  if (latest?.outcome === 'accepted') return 'one valid token'
  return earliest?.outcome === 'accepted' ? 'dead at once' : 'stored in real-time order'
}

/** Every answer was true of a state that the store may have been in meanwhile. */
function checkReads (operations: readonly Operation[], states: State[], limits: Limits): Violation[] {
  return operations.flatMap((operation) => {
    const isSo = claimOf(operation)
    if (isSo === undefined || statesDuring(operation, states, limits).some(isSo)) return []
    return [violation('one valid token', `${describe(operation)}: at no moment was that so`)]
  })
}

/** What an answer says of the state, if anything. */
function claimOf (operation: Operation): ((state: State) => boolean) | undefined {
  if (operation.outcome === 'unknown') return undefined
  if (operation.kind === 'look') {
    const { enabled, hasToken } = operation.outcome
    return (state) => state.enabled === enabled && (state.hash !== null) === hasToken
  }
  if (operation.kind !== 'verify') return undefined
  const isValid = (state: State) => state.enabled && state.hash === operation.hash
  return operation.outcome === 'accepted' ? isValid : (state) => !isValid(state)
}

function statesDuring ({ start, end }: Operation, states: State[], { notBefore, notAfter }: Limits): State[] {
  const first = firstIndex(states.length, (i) => notAfter[i + 1]!.time >= start)
  const next = firstIndex(states.length, (i) => notBefore[i]!.time > end)
  return states.slice(first, next)
}

/** The first index below `length` for which a condition holds, which then holds for all that follow. */
function firstIndex (length: number, holds: (i: number) => boolean): number {
  let [low, high] = [0, length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
