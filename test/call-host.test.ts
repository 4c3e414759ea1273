import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { callHost, contractError, hostFailed } from '../lib/call-host.ts'
import type { Awaitable } from '../lib/index.ts'

const never = new Promise<never>(() => {})
const slowQuery: PromiseLike<never> = { then: () => never }
const slowProxy: PromiseLike<never> = Object.assign(() => {}, slowQuery)

t.test('a value that is not awaitable -> resolves to it, no timer is left', async (t) => {
  const timers = countTimers()
  const values = [undefined, null, 0, '', 'text', true, [], {}, Symbol.iterator, countTimers]
  t.strictSame(await Promise.all(values.map((value) => call(value, 60_000))), values)
  t.equal(countTimers(), timers)
})

t.test('an object whose property "then" is not a function -> resolves to it', async (t) => {
  t.strictSame(await call<unknown>({ then: 1 }, 60_000), { then: 1 })
})

t.test('a promise settles in time -> the same outcome, no timer is left', async (t) => {
  const timers = countTimers()
  t.equal(await call(turn('value'), 60_000), 'value')
  await t.rejects(call(Promise.reject(new Error('not found')), 60_000), new Error('not found'))
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
  t.equal(await call(query, 60_000), 'rows')
  t.equal(runs, 1)
})

t.test('a promise, a query and a callable proxy that never settle -> 503 after exactly the limit', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => { mock.timers.reset() })
  const state = [never, slowQuery, slowProxy].map((value) => observe(call(value, 1000)))
  mock.timers.tick(999)
  await turn()
  t.strictSame(state, [[], [], []])
  mock.timers.tick(1)
  await turn()
  const timedOut = [new Error('timed out after 1000 ms')]
  t.match(state, [timedOut, timedOut, timedOut])
})

t.test('a limit of 0 -> never times out', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => { mock.timers.reset() })
  const state = observe(call(never, 0))
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
  const late = call(new Promise((_resolve, reject) => { rejectLate = reject }), 1)
  await t.rejects(late, new Error('timed out after 1 ms'))
  rejectLate(new Error('too late'))
  await turn()
  t.strictSame(unhandled, [])
})

t.test('the method or its thenable throws -> rejects with it, no timer is left', async (t) => {
  const timers = countTimers()
  await t.rejects(callHost(60_000, () => { throw new Error('no connection') }), new Error('no connection'))
  const throwing = { get then () { throw new Error('no query') } }
  await t.rejects(call(throwing, 60_000), new Error('no query'))
  t.equal(countTimers(), timers)
})

t.test('a method has failed -> an error with its name, the status, and what it threw as the cause', async (t) => {
  t.match(hostFailed('store.find', 500, new Error('not found')), { statusCode: 500, message: 'store.find failed', cause: new Error('not found') })
  t.match(hostFailed('store.find', 503, 'not found'), { statusCode: 503, cause: new Error('not found') })
})

t.test('a method has timed out -> 503 whatever status its errors have', async (t) => {
  const thrown = await call(never, 1).catch((error: unknown) => error)
  t.match(hostFailed('authenticate', 500, thrown), { statusCode: 503, message: 'authenticate failed', cause: { message: 'timed out after 1 ms' } })
})

t.test('a method returns what its contract does not allow -> the error names its kind and not its value', async (t) => {
  const kinds: [value: unknown, kind: string][] = [
    [null, 'null'], [undefined, 'undefined'], ['', 'an empty string'], ['secret', 'string'], [[], 'an array'], [{}, 'object'],
    [new Error('secret'), 'an Error'], [new Date(NaN), 'an invalid Date'], [new Date(), 'a Date'], [1, 'number']
  ]
  for (const [value, kind] of kinds) {
    t.match(contractError('store.find', 'a record', value), { statusCode: 500, message: `store.find must return a record, got ${kind}` })
  }
})

function call<T> (value: Awaitable<T>, limit: number): Promise<T> {
  return callHost(limit, () => value)
}

function countTimers (): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}

/** Returns an array that receives the outcome once the promise settles. */
function observe (value: Promise<unknown>): unknown[] {
  const settled: unknown[] = []
  value.then((value) => { settled.push(value) }, (reason: unknown) => { settled.push(reason) })
  return settled
}
