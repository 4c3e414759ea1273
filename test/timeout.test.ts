import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { Awaitable } from '../lib/index.ts'
import { TimeoutError, withTimeout } from '../lib/timeout.ts'

const never = new Promise<never>(() => {})
const slowQuery: PromiseLike<never> = { then: () => never }
const slowProxy: PromiseLike<never> = Object.assign(() => {}, slowQuery)

t.test('a value that is not awaitable -> returned unchanged, no timer is set', async (t) => {
  const timers = countTimers()
  const values = [undefined, null, 0, '', 'text', true, [], {}, Symbol.iterator, countTimers]
  const returned = values.map((value) => withTimeout(value, 60_000))
  t.equal(countTimers(), timers)
  t.strictSame(await Promise.all(returned), values)
})

t.test('an object whose property "then" is not a function -> returned unchanged', async (t) => {
  t.strictSame(await withTimeout<unknown>({ then: 1 }, 60_000), { then: 1 })
})

t.test('a promise settles in time -> the same outcome, no timer is left', async (t) => {
  const timers = countTimers()
  t.equal(await withTimeout(turn('value'), 60_000), 'value')
  await t.rejects(async () => await withTimeout(Promise.reject(new Error('not found')), 60_000), new Error('not found'))
  t.equal(countTimers(), timers)
})

t.test('a query that runs when it is awaited -> runs once', async (t) => {
  let runs = 0
  const query: PromiseLike<string> = {
    then: (onResolved, onRejected) => {
      runs++
      return Promise.resolve('rows').then(onResolved, onRejected)
    }
  }
  t.equal(await withTimeout(query, 60_000), 'rows')
  t.equal(runs, 1)
})

t.test('a promise, a query and a callable proxy that never settle -> TimeoutError after exactly the limit', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => { mock.timers.reset() })
  const state = [never, slowQuery, slowProxy].map((value) => observe(withTimeout(value, 1000)))
  mock.timers.tick(999)
  await turn()
  t.strictSame(state, [[], [], []])
  mock.timers.tick(1)
  await turn()
  const timedOut = [new TimeoutError('timed out after 1000 ms')]
  t.strictSame(state, [timedOut, timedOut, timedOut])
})

t.test('a limit of 0 -> never times out', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => { mock.timers.reset() })
  const state = observe(withTimeout(never, 0))
  mock.timers.tick(2 ** 31)
  await turn()
  t.strictSame(state, [])
})

t.test('a promise rejects after it timed out -> no unhandled rejection', async (t) => {
  const unhandled: unknown[] = []
  const listener = (reason: unknown) => { unhandled.push(reason) }
  process.on('unhandledRejection', listener)
  t.teardown(() => process.off('unhandledRejection', listener))

  let rejectLate: (reason: Error) => void = () => {}
  const late = Promise.resolve(withTimeout(new Promise((_resolve, reject) => { rejectLate = reject }), 1))
  await t.rejects(late, new TimeoutError('timed out after 1 ms'))
  rejectLate(new Error('too late'))
  await turn()
  t.strictSame(unhandled, [])
})

function countTimers (): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}

/** Returns an array that receives the outcome once the value or promise settles. */
function observe (value: Awaitable<unknown>): unknown[] {
  const settled: unknown[] = []
  Promise.resolve(value).then((value) => { settled.push(value) }, (reason: unknown) => { settled.push(reason) })
  return settled
}
