import { EventEmitter } from 'node:events'
import { setImmediate as turn, setTimeout as timer } from 'node:timers/promises'
import t from 'tap'
import type { ScimTokenRecord, ScimTokenStore } from '../lib/index.ts'
import { generateToken, hashToken } from '../lib/token.ts'
import { accepted, storeUnavailable } from './helpers/scim-responses.ts'
import { startScimHost } from './helpers/scim-host.ts'

const token = generateToken()
const hash = hashToken(token)
const record: ScimTokenRecord = { hash, createdAt: new Date() }

// Every answer below is one to the right token.
const right = `Bearer ${token}`

/** What a store does when it is asked, and what the log says of it. */
type Failures = Record<string, [find: () => unknown, logged: RegExp]>

const failing: Failures = {
  'throws an Error': [throwing(new Error('db password refused')), /db password refused/],
  'throws an Error with a status of its own': [throwing(Object.assign(new Error('no tenant'), { statusCode: 401 })), /no tenant/],
  'throws a string': [throwing('some text'), /some text/],
  'throws undefined': [throwing(undefined), /undefined/],
  'throws null': [throwing(null), /null/],
  'throws an object': [throwing({ message: 'some text' }), /some text/],
  'rejects with an Error': [() => Promise.reject(new Error('connection reset')), /connection reset/],
  'rejects with a string': [rejecting('some text'), /some text/],
  'rejects with undefined': [rejecting(undefined), /undefined/],
  'never settles': [() => new Promise(() => {}), /timed out after 20 ms/],
  'answers a query that never settles': [() => queryBuilder(() => {}), /timed out after 20 ms/],
  'answers a query that fails': [() => queryBuilder((_resolve, reject) => { reject(new Error('syntax error')) }), /syntax error/]
}

const breakingItsContract: Failures = {
  undefined: answering(undefined),
  'a promise of undefined': answering(Promise.resolve()),
  true: answering(true),
  'a number': answering(1),
  'the hash alone': answering(hash),
  'an empty object': answering({}),
  'an array of the record': answering([record]),
  'the row of a query': answering({ rows: [record] }),
  'a record in JSON': answering(JSON.stringify(record)),
  'a record with an empty hash': hashOf(''),
  'a record with a hash of spaces': hashOf(' '.repeat(64)),
  'a record with a null hash': hashOf(null),
  'a record with a short hash': hashOf(hash.slice(0, -1)),
  'a record with a long hash': hashOf(`${hash}0`),
  'a record with a line feed after its hash': hashOf(`${hash}\n`),
  'a record with an upper-case hash': hashOf(hash.toUpperCase()),
  'a record with its hash in base64': hashOf(Buffer.from(hash, 'hex').toString('base64')),
  'a record with its hash in bytes': hashOf(Buffer.from(hash, 'hex')),
  'a record with its hash in an array': hashOf([hash]),
  'a record with its hash in an object': hashOf(Object(hash)),
  'a record with the token for its hash': hashOf(token),
  'a record with true for its hash': hashOf(true),
  'a record with a number for its hash': hashOf(0)
}

for (const [heading, failures] of Object.entries({ 'A store that': failing, 'A store that answers': breakingItsContract })) {
  for (const [name, [find, logged]] of Object.entries(failures)) {
    t.test(`${heading} ${name} is 503, and the log has the cause`, async (t) => {
      const { send, log } = await startScimHost(t, { find: find as ScimTokenStore['find'], options: { timeout: 20 } })
      t.strictSame(await send(right), storeUnavailable)
      const errors = log.filter(({ level }) => level === 50)
      t.equal(errors.length, 1)
      t.match(errors[0]?.err?.stack, logged)
      t.match(errors[0]?.err?.stack, /scimTokenStore\.find (failed|must return)/)
    })
  }
}

t.test('a store may answer at once, with a promise or with a query', async (t) => {
  const ways: Record<string, ScimTokenStore['find']> = {
    'at once': () => record,
    'with a promise': () => Promise.resolve(record),
    'with a query': () => queryBuilder((resolve) => { resolve(record) })
  }
  for (const [name, find] of Object.entries(ways)) {
    const { send } = await startScimHost(t, { find })
    t.strictSame(await send(right), accepted, name)
  }
})

t.test('what a store answers after the time limit lets nobody in and ends no process', async (t) => {
  const unhandled: unknown[] = []
  const listener = (reason: unknown) => { unhandled.push(reason) }
  process.on('unhandledRejection', listener)
  t.teardown(() => process.off('unhandledRejection', listener))

  const settle: Record<string, (resolve: (record: ScimTokenRecord) => void, reject: (reason: Error) => void) => void> = {
    'the right record': (resolve) => { resolve(record) },
    'a rejection': (_resolve, reject) => { reject(new Error('too late')) }
  }
  for (const [name, answer] of Object.entries(settle)) {
    let handled = 0
    const late = new EventEmitter()
    const { send } = await startScimHost(t, {
      options: { timeout: 20 },
      find: () => new Promise((resolve, reject) => { late.once('now', () => { answer(resolve, reject) }) }),
      routes (app) {
        app.get('/scim/Users', { onRequest: app.verifyScimToken }, async () => ++handled)
      }
    })
    t.strictSame(await send(right), storeUnavailable, name)
    late.emit('now')
    await turn()
    await turn()
    t.equal(handled, 0, name)
  }
  t.strictSame(unhandled, [])
})

t.test('with no time limit a store may take its time', async (t) => {
  const { send } = await startScimHost(t, {
    options: { timeout: 0 },
    async find () {
      await turn()
      // A timer fires after all of its length that were set before it.
      await timer(1)
      return record
    }
  })
  t.strictSame(await send(right), accepted)
})

function throwing (thrown: unknown): () => never {
  return () => { throw thrown }
}

function rejecting (reason: unknown): () => Promise<never> {
  return () => Promise.reject(reason)
}

function answering (answer: unknown): Failures[string] {
  return [() => answer, /scimTokenStore\.find must return a record with a SHA-256 in hexadecimal, or null,/]
}

function hashOf (hash: unknown): Failures[string] {
  return answering({ hash, createdAt: new Date() })
}

/** Runs when it is awaited, as the queries of query builders do. */
function queryBuilder (run: (resolve: (record: ScimTokenRecord) => void, reject: (reason: Error) => void) => void): PromiseLike<ScimTokenRecord> {
  return {
    then: (onResolved, onRejected) => new Promise<ScimTokenRecord>(run).then(onResolved, onRejected)
  }
}
