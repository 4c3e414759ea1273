import fc from 'fast-check'
import t from 'tap'
import { check } from './checker.ts'
import type { Event, History, Operation } from './history.ts'
import { correctHistories, isLinearizable, smallHistories } from './histories.ts'

let id = 0
function at (start: number, end: number, event: Event): Operation {
  return { id: id++, node: 0, start, end, ...event }
}

const off: Event = { kind: 'switch', enabled: false, outcome: 'stored' }
const on: Event = { kind: 'switch', enabled: true, outcome: 'stored' }
const accepted = (hash: string): Event => ({ kind: 'verify', hash, outcome: 'accepted' })
const refused = (hash: string): Event => ({ kind: 'verify', hash, outcome: 'refused' })
const stored = (hash: string): Event => ({ kind: 'generate', hash, outcome: 'stored' })

/** Two tokens, and SCIM disabled and enabled again. Row `i` and change `i` are of operation `i`. */
function goodHistory (): History {
  id = 0
  return {
    initial: { hash: null, enabled: true },
    operations: [
      at(0, 10, stored('a')),
      at(20, 30, stored('b')),
      at(40, 50, off),
      at(60, 70, on),
      at(80, 90, { kind: 'generate', outcome: 'unknown' }),
      at(80, 90, { kind: 'generate', outcome: 'unchanged' }),
      at(11, 12, accepted('a')),
      at(31, 32, refused('a')),
      at(31, 32, accepted('b')),
      at(51, 52, refused('b')),
      at(51, 52, { kind: 'look', outcome: { enabled: false, hasToken: true } }),
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
    audit: [{ operation: 0, hash: 'a' }, { operation: 1, hash: 'b' }, { operation: 4, hash: 'c' }],
    final: { hash: 'c', enabled: true }
  }
}

t.test('what a correct store may show passes', async (t) => {
  const cases: { name: string, more: Operation[] }[] = [
    { name: 'answers that are what the store held', more: [] },
    { name: 'the old token until a generate answers', more: [at(28, 29, accepted('a'))] },
    { name: 'the new token before its generate has answered', more: [at(21, 22, accepted('b'))] },
    { name: 'the old token by a verification that started before', more: [at(29, 35, accepted('a'))] },
    { name: 'the last token, or the one of unknown outcome', more: [at(100, 101, accepted('b')), at(102, 103, accepted('c'))] },
    { name: 'a token that was never generated, refused', more: [at(100, 101, refused('x'))] }
  ]
  t.strictSame(cases.map(({ name, more }) => {
    const history = goodHistory()
    history.operations.push(...more.map((operation) => ({ ...operation, id: id++ })))
    return { name, violations: check(history) }
  }), cases.map(({ name }) => ({ name, violations: [] })))
})

t.test('a broken promise is caught', async (t) => {
  const cases: { name: string, rule: string, spoil: (history: History) => void }[] = [
    {
      name: 'an old token is accepted after the next one was answered',
      rule: 'dead at once',
      spoil: ({ operations }) => operations.push(at(31, 32, accepted('a')))
    },
    {
      name: 'an old token is accepted after another node accepted the next one, before that was answered',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(22, 23, accepted('b')), at(24, 25, accepted('a')))
    },
    {
      name: 'a token is accepted before it was asked for',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(15, 16, accepted('b')))
    },
    {
      name: 'a token that nobody generated is accepted',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(31, 32, accepted('x')))
    },
    {
      name: 'a token is accepted while SCIM is disabled',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(53, 54, accepted('b')))
    },
    {
      name: 'the valid token is refused',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(33, 34, refused('b')))
    },
    {
      name: 'a token of unknown outcome is refused after it was accepted',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(100, 101, accepted('c')), at(102, 103, refused('c')))
    },
    {
      name: 'the valid token is refused for one of unknown outcome, which was stored after a later one',
      rule: 'one valid token',
      spoil: ({ operations, changes, audit }) => {
        operations.push({ ...at(200, 210, stored('d')), id: 98 }, { ...at(220, 230, stored('e')), id: 99 }, at(100, 101, refused('b')))
        changes.splice(4, 0, { operation: 98, hash: 'd', enabled: true })
        changes.push({ operation: 99, hash: 'e', enabled: true })
        audit.splice(2, 0, { operation: 98, hash: 'd' })
        audit.push({ operation: 99, hash: 'e' })
      }
    },
    {
      name: 'the settings say that SCIM is enabled when it is disabled',
      rule: 'one valid token',
      spoil: ({ operations }) => operations.push(at(53, 54, { kind: 'look', outcome: { enabled: true, hasToken: true } }))
    },
    {
      name: 'a token was answered and never stored',
      rule: 'no token without a row',
      spoil: ({ operations }) => operations.push(at(33, 34, stored('x')))
    },
    {
      name: 'a switch was answered and never stored',
      rule: 'no token without a row',
      spoil: ({ operations }) => operations.push(at(33, 34, off))
    },
    {
      name: 'a token was stored without a row in the audit',
      rule: 'no token without a row',
      spoil: ({ audit }) => audit.splice(1, 1)
    },
    {
      name: 'the audit lacks its last row',
      rule: 'no token without a row',
      spoil: ({ audit }) => audit.pop()
    },
    {
      name: 'a generate was refused and made a change',
      rule: 'no row without a token',
      spoil: (history) => {
        history.changes.push({ operation: 5, hash: 'x', enabled: true })
        history.audit.push({ operation: 5, hash: 'x' })
        history.final.hash = 'x'
      }
    },
    {
      name: 'a generate was refused and has a row in the audit',
      rule: 'no row without a token',
      spoil: ({ audit }) => audit.push({ operation: 5, hash: 'x' })
    },
    {
      name: 'a verification made a change',
      rule: 'no row without a token',
      spoil: ({ changes }) => changes.push({ operation: 12, hash: 'c', enabled: true })
    },
    {
      name: 'nobody asked for a change',
      rule: 'no row without a token',
      spoil: ({ changes, audit }) => {
        changes.push({ operation: 99, hash: 'c', enabled: true })
        audit.push({ operation: 99, hash: 'c' })
      }
    },
    {
      name: 'one switch made two changes',
      rule: 'no row without a token',
      spoil: ({ changes }) => changes.splice(3, 0, changes[2]!)
    },
    {
      name: 'another hash was stored than that of the token',
      rule: 'a change is whole',
      spoil: ({ operations }) => { operations[0] = at(0, 10, stored('x')); operations[0].id = 0; operations.splice(6, 1) }
    },
    {
      name: 'a generate enabled SCIM',
      rule: 'a change is whole',
      spoil: ({ changes }) => { changes[3]!.enabled = false }
    },
    {
      name: 'a switch changed the token',
      rule: 'a change is whole',
      spoil: ({ changes }) => { changes[2]!.hash = 'a' }
    },
    {
      name: 'a generate changed nothing',
      rule: 'a change is whole',
      spoil: ({ changes, audit, final }) => { changes[4]!.hash = audit[2]!.hash = final.hash = 'b' }
    },
    {
      name: 'the store holds another token than the last one stored',
      rule: 'a change is whole',
      spoil: ({ final }) => { final.hash = 'b' }
    },
    {
      name: 'the audit has another order than the store',
      rule: 'a change is whole',
      spoil: ({ audit }) => audit.reverse()
    },
    {
      name: 'a token was stored after one that was asked for later',
      rule: 'stored in real-time order',
      spoil: ({ operations }) => { operations[0]!.start = 31; operations[0]!.end = 32; operations.splice(6, 3) }
    }
  ]
  t.strictSame(cases.filter(({ rule, spoil }) => {
    const history = goodHistory()
    spoil(history)
    return !check(history).some((violation) => violation.rule === rule)
  }).map(({ name }) => name), [], 'none passes')
})

t.test('every history of a correct store passes', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(correctHistories, (history) => check(history).length === 0), { numRuns: 1000 }))
})

t.test('a correct history with one thing wrong does not pass', async (t) => {
  const wrongs: { name: string, spoil: (history: History) => boolean }[] = [
    {
      name: 'the last token is refused long after',
      spoil: ({ operations, changes, final }) => {
        const last = operations.find((operation) => operation.id === changes.at(-1)?.operation)
        if (last?.outcome !== 'stored' || final.hash === null || !final.enabled) return false
        return operations.push({ id: -1, node: 0, start: 1000, end: 1001, kind: 'verify', hash: final.hash, outcome: 'refused' }) > 0
      }
    },
    {
      name: 'the token before the last is accepted long after',
      spoil: ({ operations, changes, audit }) => {
        const last = operations.find((operation) => operation.id === audit.at(-1)?.operation)
        const before = audit.at(-2)
        if (last?.outcome !== 'stored' || before === undefined) return false
        return operations.push({ id: -1, node: 0, start: 1000, end: 1001, kind: 'verify', hash: before.hash, outcome: 'accepted' }) > 0 && changes.length > 0
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
      name: 'a refused operation made a change',
      spoil: ({ operations, changes, final }) => {
        const refused = operations.find(({ outcome }) => outcome === 'unchanged')
        if (refused === undefined) return false
        return changes.push({ ...final, operation: refused.id }) > 0
      }
    },
    {
      name: 'two changes that did not overlap have changed places',
      spoil: ({ operations, changes }) => {
        const makers = changes.map((change) => operations.find(({ id }) => id === change.operation)!)
        const i = makers.findIndex((maker, i) => maker.outcome === 'stored' && maker.end < (makers[i + 1]?.start ?? -1))
        if (i < 0) return false
        changes.splice(i, 2, changes[i + 1]!, changes[i]!)
        return true
      }
    },
    {
      name: 'the store holds something else in the end',
      spoil: ({ final }) => { final.enabled = !final.enabled; return true }
    }
  ]
  for (const { name, spoil } of wrongs) {
    let spoilt = 0
    t.doesNotThrow(() => fc.assert(fc.property(correctHistories, (history) => {
      if (!spoil(history)) return true
      spoilt++
      return check(history).length > 0
    }), { numRuns: 300 }), name)
    t.ok(spoilt > 20, `${name}: ${spoilt} histories spoilt`)
  }
})

t.test('without refusals, exactly the histories that cannot have been are caught', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(smallHistories(['accepted']), (history) => (check(history).length === 0) === isLinearizable(history)), { numRuns: 2000 }))
})

t.test('with refusals, no history that can have been is caught', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(smallHistories(['accepted', 'refused', 'refused']), (history) => check(history).length === 0 || !isLinearizable(history)), { numRuns: 2000 }))
})
