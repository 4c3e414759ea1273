import { findLateWrites } from './late-writes.ts'
import { isUnknown, isWrite, type AuditRow, type Change, type History, type Operation, type State } from './history.ts'
import { checkMoments } from './linearizability.ts'
import { describe, violation, type Violation } from './violation.ts'

type Operations = ReadonlyMap<number, Operation>

/** Returns the violations of the guarantees in a history; none if the nodes kept all of them. */
export function check (history: History): Violation[] {
  const operations = new Map(history.operations.map((operation) => [operation.id, operation]))
  return [
    ...checkChanges(history, operations),
    ...checkAudit(history, operations),
    ...checkEffects(history, operations),
    ...checkGivenUp(history),
    ...checkMoments(history, operations)
  ]
}

/** Each write with a 200 made one change; each rejected request made none. */
function checkChanges ({ changes, operations }: History, byId: Operations): Violation[] {
  const made = new Set(changes.map(({ operation }) => operation))
  const makers = changes.map(({ operation }) => byId.get(operation))
  return [
    ...operations
      .filter(({ id, outcome }) => outcome === 'stored' && !made.has(id))
      .map((operation) => violation('no token without a row', `${describe(operation)} made no change`)),
    ...makers
      .filter((maker) => maker === undefined || !(maker.outcome === 'stored' || (isWrite(maker) && isUnknown(maker))))
      .map((maker) => violation('fail closed', `${describe(maker)} made a change`)),
    ...makers
      .filter((maker, i) => makers.indexOf(maker) < i)
      .map((maker) => violation('atomic writes', `${describe(maker)} made more than one change`))
  ]
}

/** The audit has every change and no other row, in the order in which the changes were made. */
function checkAudit ({ changes, audit }: History, byId: Operations): Violation[] {
  const expected = changes.map((change) => describeRow(auditRowOf(change, byId.get(change.operation))))
  const actual = audit.map(describeRow)
  const at = Array.from({ length: Math.max(expected.length, actual.length) }, (_, i) => i).find((i) => expected[i] !== actual[i])
  if (at === undefined) return []

  const [change, row] = [expected[at], actual[at]]
  if (row !== undefined && !expected.includes(row)) return [violation('fail closed', `the audit has a row of no change: ${row}`)]
  if (change !== undefined && !actual.includes(change)) return [violation('no token without a row', `the audit lacks a row: ${change}`)]
  return [violation('atomic writes', `row ${at} of the audit is that of ${row}, and should be that of ${change}`)]
}

/** Returns the row that a change must have in the audit. */
export function auditRowOf ({ operation, hash, enabled }: Change, maker: Operation | undefined): AuditRow {
  return maker?.kind === 'setEnabled' ? { operation, hash: null, enabled } : { operation, hash, enabled: null }
}

function describeRow ({ operation, hash, enabled }: AuditRow): string {
  return `operation ${operation}, ${enabled === null ? `hash ${short(hash)}` : enabled ? 'enabled' : 'disabled'}`
}

/** A generate changes only the token, a setEnabled only the switch, and the last change is what the store holds. */
function checkEffects ({ initial, changes, final }: History, byId: Operations): Violation[] {
  const violations: Violation[] = []
  let before: State = initial
  for (const change of changes) {
    const maker = byId.get(change.operation)
    if (maker !== undefined && !isEffect(maker, before, change)) {
      violations.push(violation('atomic writes', `${describe(maker)} turned ${text(before)} into ${text(change)}`))
    }
    before = change
  }
  if (before.hash !== final.hash || before.enabled !== final.enabled) {
    violations.push(violation('atomic writes', `the last change left ${text(before)}, and the store holds ${text(final)}`))
  }
  return violations
}

function isEffect (maker: Operation, before: State, after: Change): boolean {
  if (maker.kind === 'setEnabled') return after.enabled === maker.enabled && after.hash === before.hash
  const isOwn = maker.kind !== 'generate' || maker.outcome !== 'stored' || maker.hash === after.hash
  return isOwn && after.enabled === before.enabled && after.hash !== before.hash
}

/** A write that was given up has no effect once a later one of its kind has been confirmed. */
function checkGivenUp (history: History): Violation[] {
  return findLateWrites(history).map(({ givenUp, confirmed }) =>
    violation('stays given up', `${describe(givenUp)} took effect after ${describe(confirmed)}`))
}

function text ({ hash, enabled }: State): string {
  return `${short(hash)} (${enabled ? 'enabled' : 'disabled'})`
}

function short (hash: string | null): string {
  return hash?.slice(0, 12) ?? 'no token'
}
