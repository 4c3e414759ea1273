import type { Change, History, Operation, State } from './history.ts'
import { checkMoments } from './linearizability.ts'
import { describe, violation, type Violation } from './violation.ts'

type Operations = ReadonlyMap<number, Operation>

/** Checks that the nodes kept their promises in a history. What it answers is empty if they did. */
export function check (history: History): Violation[] {
  const operations = new Map(history.operations.map((operation) => [operation.id, operation]))
  return [
    ...checkChanges(history, operations),
    ...checkAudit(history, operations),
    ...checkEffects(history, operations),
    ...checkMoments(history, operations)
  ]
}

/** What was answered 200 made one change; what was refused made none. */
function checkChanges ({ changes, operations }: History, byId: Operations): Violation[] {
  const made = new Set(changes.map(({ operation }) => operation))
  const makers = changes.map(({ operation }) => byId.get(operation))
  return [
    ...operations
      .filter(({ id, outcome }) => outcome === 'stored' && !made.has(id))
      .map((operation) => violation('no token without a row', `${describe(operation)} made no change`)),
    ...makers
      .filter((maker) => maker === undefined || !(maker.outcome === 'stored' || (isWrite(maker) && maker.outcome === 'unknown')))
      .map((maker) => violation('no row without a token', `${describe(maker)} made a change`)),
    ...makers
      .filter((maker, i) => makers.indexOf(maker) < i)
      .map((maker) => violation('no row without a token', `${describe(maker)} made more than one change`))
  ]
}

/** The audit holds the changes of the token, all and only, in their order. */
function checkAudit ({ changes, audit }: History, byId: Operations): Violation[] {
  const expected = changes.filter(({ operation }) => byId.get(operation)?.kind !== 'switch').map(auditKey)
  const actual = audit.map(auditKey)
  const at = Array.from({ length: Math.max(expected.length, actual.length) }, (_, i) => i).find((i) => expected[i] !== actual[i])
  if (at === undefined) return []

  const [change, row] = [expected[at], actual[at]]
  if (row !== undefined && !expected.includes(row)) return [violation('no row without a token', `the audit has a row of no change: ${row}`)]
  if (change !== undefined && !actual.includes(change)) return [violation('no token without a row', `the audit lacks a row: ${change}`)]
  return [violation('a change is whole', `row ${at} of the audit is that of ${row}, and should be that of ${change}`)]
}

function auditKey ({ operation, hash }: { operation: number, hash: string | null }): string {
  return `operation ${operation}, hash ${short(hash)}`
}

/** A change of the token leaves the switch alone and the other way round; the last one is what is left. */
function checkEffects ({ initial, changes, final }: History, byId: Operations): Violation[] {
  const violations: Violation[] = []
  let before: State = initial
  for (const change of changes) {
    const maker = byId.get(change.operation)
    if (maker !== undefined && !isEffect(maker, before, change)) {
      violations.push(violation('a change is whole', `${describe(maker)} turned ${text(before)} into ${text(change)}`))
    }
    before = change
  }
  if (before.hash !== final.hash || before.enabled !== final.enabled) {
    violations.push(violation('a change is whole', `the last change left ${text(before)}, and the store holds ${text(final)}`))
  }
  return violations
}

function isEffect (maker: Operation, before: State, after: Change): boolean {
  if (maker.kind === 'switch') return after.enabled === maker.enabled && after.hash === before.hash
  const isOwn = maker.kind !== 'generate' || maker.outcome !== 'stored' || maker.hash === after.hash
  return isOwn && after.enabled === before.enabled && after.hash !== before.hash
}

function isWrite ({ kind }: Operation): boolean {
  return kind === 'generate' || kind === 'switch'
}

function text ({ hash, enabled }: State): string {
  return `${short(hash)} (${enabled ? 'enabled' : 'disabled'})`
}

function short (hash: string | null): string {
  return hash?.slice(0, 12) ?? 'no token'
}
