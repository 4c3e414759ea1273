import fc from 'fast-check'
import t from 'tap'
import { auditRowOf, check } from './checker.ts'
import type { AuditRow, Change, Event, History, Operation, State } from './history.ts'
import { correctHistories, isLinearizable, smallHistories } from './histories.ts'

let id = 0
function at (start: number, end: number, event: Event): Operation {
  return { id: id++, node: 0, start, end, ...event }
}

function tokenRow (operation: number, hash: string): AuditRow {
  return { operation, hash, enabled: null }
}

const off: Event = { kind: 'setEnabled', enabled: false, outcome: 'stored' }
const on: Event = { kind: 'setEnabled', enabled: true, outcome: 'stored' }
const accepted = (hash: string): Event => ({ kind: 'verify', hash, outcome: 'accepted' })
const rejected = (hash: string): Event => ({ kind: 'verify', hash, outcome: 'rejected' })
const stored = (hash: string): Event => ({ kind: 'generate', hash, outcome: 'stored' })

/** Two tokens, SCIM disabled and enabled again, and a third token whose generate was given up. Operation `i` makes change `i`. */
function goodHistory (): History {
  id = 0
  return {
    initial: { hash: null, enabled: true },
    operations: [
      at(0, 10, stored('a')),
      at(20, 30, stored('b')),
      at(40, 50, off),
      at(60, 70, on),
      at(80, 90, { kind: 'generate', outcome: 'given up' }),
      at(80, 90, { kind: 'generate', outcome: 'unchanged' }),
      at(11, 12, accepted('a')),
      at(31, 32, rejected('a')),
      at(31, 32, accepted('b')),
      at(51, 52, rejected('b')),
      at(51, 52, { kind: 'getSettings', outcome: { enabled: false, hasToken: true } }),
      at(71, 72, accepted('b')),
      at(71, 72, { kind: 'verify', hash: 'b', outcome: 'unknown' })
    ],
    changes: [
      { operation: 0, hash: 'a', enabled: true },
      { operation: 1, hash: 'b', enabled: true },
      { operation: 2, hash: 'b', enabled: false },
      { operation: 3, hash: 'b', enabled: true },
      { operation: 4, hash: 'c', enabled: true }
    ],
    audit: [tokenRow(0, 'a'), tokenRow(1, 'b'), { operation: 2, hash: null, enabled: false }, { operation: 3, hash: null, enabled: true }, tokenRow(4, 'c')],
    final: { hash: 'c', enabled: true }
  }
}

t.test('a history that a correct store may have -> no violation', async (t) => {
  const cases: { name: string, more: Operation[] }[] = [
    { name: 'responses that agree with the store', more: [] },
    { name: 'the old token is accepted while a generate is in progress', more: [at(28, 29, accepted('a'))] },
    { name: 'the new token is accepted before its generate has responded', more: [at(21, 22, accepted('b'))] },
    { name: 'the old token is accepted by a verification that began before the generate responded', more: [at(29, 35, accepted('a'))] },
    { name: 'a token whose generate was given up becomes valid later', more: [at(100, 101, accepted('b')), at(102, 103, accepted('c'))] },
    { name: 'a token that was never generated is rejected', more: [at(100, 101, rejected('x'))] }
  ]
  t.strictSame(cases.map(({ name, more }) => {
    const history = goodHistory()
    history.operations.push(...more.map((operation) => ({ ...operation, id: id++ })))
    return { name, violations: check(history) }
  }), cases.map(({ name }) => ({ name, violations: [] })))
})

t.test('a violated guarantee -> a violation of its rule', async (t) => {
  const cases: { name: string, rule: string, spoil: (history: History) => void }[] = [
    {
      name: 'an old token is accepted after the response with the next one',
      rule: 'invalid at once',
      spoil: ({ operations }) => operations.push(at(31, 32, accepted('a')))
    },
    {
      name: 'an old token is accepted after another node accepted the next one, before the response with it',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(22, 23, accepted('b')), at(24, 25, accepted('a')))
    },
    {
      name: 'a token is accepted before its generate began',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(15, 16, accepted('b')))
    },
    {
      name: 'a token that was never generated is accepted',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(31, 32, accepted('x')))
    },
    {
      name: 'a token is accepted while SCIM is disabled',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(53, 54, accepted('b')))
    },
    {
      name: 'the valid token is rejected',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(33, 34, rejected('b')))
    },
    {
      name: 'a token whose generate was given up is rejected after it was accepted',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(100, 101, accepted('c')), at(102, 103, rejected('c')))
    },
    {
      name: 'the valid token is rejected for one that was given up, which was stored after a later one',
      rule: 'one valid token',
      spoil: ({ operations, changes, audit }) => {
        operations.push({ ...at(200, 210, stored('d')), id: 98 }, { ...at(220, 230, stored('e')), id: 99 }, at(100, 101, rejected('b')))
        changes.splice(4, 0, { operation: 98, hash: 'd', enabled: true })
        changes.push({ operation: 99, hash: 'e', enabled: true })
        audit.splice(4, 0, tokenRow(98, 'd'))
        audit.push(tokenRow(99, 'e'))
      }
    },
    {
      name: 'the settings say that SCIM is enabled when it is disabled',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(53, 54, { kind: 'getSettings', outcome: { enabled: true, hasToken: true } }))
    },
    {
      name: 'a token was returned and never stored',
      rule: 'no token without a row',
      spoil: ({ operations }) => operations.push(at(33, 34, stored('x')))
    },
    {
      name: 'a setEnabled got 200 and was never stored',
      rule: 'no token without a row',
      spoil: ({ operations }) => operations.push(at(33, 34, off))
    },
    {
      name: 'a token was stored without a row in the audit',
      rule: 'no token without a row',
      spoil: ({ audit }) => audit.splice(1, 1)
    },
    {
      name: 'SCIM was disabled without a row in the audit',
      rule: 'no token without a row',
      spoil: ({ audit }) => audit.splice(2, 1)
    },
    {
      name: 'the audit says that SCIM was enabled when it was disabled',
      rule: 'fail closed',
      spoil: ({ audit }) => { audit[2]!.enabled = true }
    },
    {
      name: 'the audit lacks its last row',
      rule: 'no token without a row',
      spoil: ({ audit }) => audit.pop()
    },
    {
      name: 'a rejected generate made a change',
      rule: 'fail closed',
      spoil: (history) => {
        history.changes.push({ operation: 5, hash: 'x', enabled: true })
        history.audit.push(tokenRow(5, 'x'))
        history.final.hash = 'x'
      }
    },
    {
      name: 'a rejected generate has a row in the audit',
      rule: 'fail closed',
      spoil: ({ audit }) => audit.push(tokenRow(5, 'x'))
    },
    {
      name: 'a verification made a change',
      rule: 'fail closed',
      spoil: ({ changes }) => changes.push({ operation: 12, hash: 'c', enabled: true })
    },
    {
      name: 'a change was made that no client sent',
      rule: 'fail closed',
      spoil: ({ changes, audit }) => {
        changes.push({ operation: 99, hash: 'c', enabled: true })
        audit.push(tokenRow(99, 'c'))
      }
    },
    {
      name: 'one setEnabled made two changes',
      rule: 'atomic writes',
      spoil: ({ changes }) => changes.splice(3, 0, changes[2]!)
    },
    {
      name: 'the stored hash is not that of the token',
      rule: 'atomic writes',
      spoil: ({ operations }) => { operations[0] = at(0, 10, stored('x')); operations[0].id = 0; operations.splice(6, 1) }
    },
    {
      name: 'a generate enabled SCIM',
      rule: 'atomic writes',
      spoil: ({ changes }) => { changes[3]!.enabled = false }
    },
    {
      name: 'a setEnabled changed the token',
      rule: 'atomic writes',
      spoil: ({ changes }) => { changes[2]!.hash = 'a' }
    },
    {
      name: 'a generate changed nothing',
      rule: 'atomic writes',
      spoil: ({ changes, audit, final }) => { changes[4]!.hash = audit[4]!.hash = final.hash = 'b' }
    },
    {
      name: 'the store does not hold the last token',
      rule: 'atomic writes',
      spoil: ({ final }) => { final.hash = 'b' }
    },
    {
      name: 'the order of the audit is not that of the store',
      rule: 'atomic writes',
      spoil: ({ audit }) => audit.reverse()
    },
    {
      name: 'a token was stored after one whose generate began later',
      rule: 'stored in real-time order',
      spoil: ({ operations }) => { operations[0]!.start = 31; operations[0]!.end = 32; operations.splice(6, 3) }
    }
  ]
  t.strictSame(cases.filter(({ rule, spoil }) => {
    const history = goodHistory()
    spoil(history)
    return !check(history).some((violation) => violation.rule === rule)
  }).map(({ name }) => name), [])
})

t.test('a given-up write -> a violation only if it took effect after a later confirmed write of its kind', async (t) => {
  const givenUp: Event = { kind: 'generate', outcome: 'given up' }
  const givenUpOn: Event = { ...on, outcome: 'given up' }
  const cases: { name: string, writes: [number, number, Event][], order: number[], violates: boolean }[] = [
    { name: 'a generate invalidates a token that was confirmed later', writes: [[0, 10, givenUp], [11, 20, stored('b')]], order: [1, 0], violates: true },
    { name: '... and is invalidated by a third one', writes: [[0, 10, givenUp], [11, 20, stored('b')], [30, 40, stored('c')]], order: [1, 0, 2], violates: true },
    { name: '... after another one that began earlier', writes: [[0, 10, givenUp], [11, 20, stored('b')], [5, 40, stored('c')]], order: [1, 2, 0], violates: true },
    { name: 'a setEnabled undoes a disable that was confirmed later', writes: [[0, 10, givenUpOn], [11, 20, off]], order: [1, 0], violates: true },
    { name: 'never took effect', writes: [[0, 10, givenUp], [11, 20, stored('b')]], order: [1], violates: false },
    { name: 'took effect before the later write', writes: [[0, 10, givenUp], [11, 20, stored('b')]], order: [0, 1], violates: false },
    { name: 'took effect late, but no later write was confirmed', writes: [[0, 10, givenUp], [11, 20, givenUp]], order: [1, 0], violates: false },
    { name: 'was given up after the confirmed write began', writes: [[0, 12, givenUp], [11, 20, stored('b')]], order: [1, 0], violates: false },
    { name: 'took effect after a later write of the other kind', writes: [[0, 10, givenUp], [11, 20, off]], order: [1, 0], violates: false },
    { name: 'was not given up: its client left', writes: [[0, 10, { kind: 'generate', outcome: 'client left' }], [11, 20, stored('b')]], order: [1, 0], violates: false }
  ]
  t.strictSame(cases.map(({ name, writes, order }) => ({ name, rules: check(writesInOrder(writes, order)).map(({ rule }) => rule) })),
    cases.map(({ name, violates }) => ({ name, rules: violates ? ['stays given up'] : [] })))
})

/** A history of these writes, of which those with the ids in `order` took effect. */
function writesInOrder (writes: [number, number, Event][], order: number[]): History {
  id = 0
  const operations = writes.map(([start, end, event]) => at(start, end, event))
  const initial: State = { hash: null, enabled: true }
  const changes: Change[] = []
  for (const operation of order) {
    const { hash, enabled } = changes.at(-1) ?? initial
    const write = writes[operation]![2]
    changes.push({
      operation,
      hash: write.kind !== 'generate' ? hash : write.outcome === 'stored' ? write.hash : `late ${operation}`,
      enabled: write.kind === 'setEnabled' ? write.enabled : enabled
    })
  }
  const audit = changes.map((change) => auditRowOf(change, operations[change.operation]))
  const { hash, enabled } = changes.at(-1)!
  return { initial, operations, changes, audit, final: { hash, enabled } }
}

t.test('any history of a correct store -> no violation', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(correctHistories, (history) => check(history).length === 0), { numRuns: 1000 }))
})

t.test('a correct history with one thing wrong -> a violation', async (t) => {
  const wrongs: { name: string, spoil: (history: History) => boolean }[] = [
    {
      name: 'the last token is rejected long after',
      spoil: ({ operations, changes, final }) => {
        const last = operations.find((operation) => operation.id === changes.at(-1)?.operation)
        if (last?.outcome !== 'stored' || final.hash === null || !final.enabled) return false
        return operations.push({ id: -1, node: 0, start: 1000, end: 1001, kind: 'verify', hash: final.hash, outcome: 'rejected' }) > 0
      }
    },
    {
      name: 'the token before the last is accepted long after',
      spoil: ({ operations, audit }) => {
        const [before, newest] = audit.filter(({ hash }) => hash !== null).slice(-2)
        const last = operations.find((operation) => operation.id === newest?.operation)
        if (last?.outcome !== 'stored' || before?.hash == null) return false
        return operations.push({ id: -1, node: 0, start: 1000, end: 1001, kind: 'verify', hash: before.hash, outcome: 'accepted' }) > 0
      }
    },
    {
      name: 'the first change is lost',
      spoil: ({ operations, changes }) => {
        const [lost] = changes.splice(0, 1)
        return operations.some(({ id, outcome }) => id === lost?.operation && outcome === 'stored')
      }
    },
    {
      name: 'the last row of the audit is lost',
      spoil: ({ audit }) => audit.pop() !== undefined
    },
    {
      name: 'a rejected operation made a change',
      spoil: ({ operations, changes, final }) => {
        const rejected = operations.find(({ outcome }) => outcome === 'unchanged')
        if (rejected === undefined) return false
        return changes.push({ ...final, operation: rejected.id }) > 0
      }
    },
    {
      name: 'two changes whose writes did not overlap are swapped',
      spoil: ({ operations, changes }) => {
        const makers = changes.map((change) => operations.find(({ id }) => id === change.operation)!)
        const i = makers.findIndex((maker, i) => maker.outcome === 'stored' && maker.end < (makers[i + 1]?.start ?? -1))
        if (i < 0) return false
        changes.splice(i, 2, changes[i + 1]!, changes[i]!)
        return true
      }
    },
    {
      name: 'a given-up generate took effect after a later confirmed one',
      spoil: ({ operations, changes, audit, final }) => {
        const made = new Set(changes.map(({ operation }) => operation))
        const isLater = ({ end }: Operation) => operations.some(({ kind, outcome, start }) => kind === 'generate' && outcome === 'stored' && start > end)
        const late = operations.find((operation) => operation.kind === 'generate' && operation.outcome === 'given up' && !made.has(operation.id) && isLater(operation))
        if (late === undefined) return false
        final.hash = 'late'
        return changes.push({ ...final, operation: late.id }) > 0 && audit.push(tokenRow(late.id, 'late')) > 0
      }
    },
    {
      name: 'the store does not hold the last change',
      spoil: ({ final }) => { final.enabled = !final.enabled; return true }
    }
  ]
  for (const { name, spoil } of wrongs) {
    let spoilt = 0
    t.doesNotThrow(() => fc.assert(fc.property(correctHistories, (history) => {
      if (!spoil(history)) return true
      spoilt++
      return check(history).length > 0
    }), { numRuns: 600 }), name)
    t.ok(spoilt > 20, `${name}: ${spoilt} histories spoilt`)
  }
})

t.test('without rejected tokens -> a violation in exactly the histories that are not linearizable', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(smallHistories(['accepted']), (history) => (check(history).length === 0) === isLinearizable(history)), { numRuns: 2000 }))
})

t.test('with rejected tokens -> no violation in a linearizable history', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(smallHistories(['accepted', 'rejected', 'rejected']), (history) => check(history).length === 0 || !isLinearizable(history)), { numRuns: 2000 }))
})
