import { EventEmitter } from 'node:events'
import { setImmediate as turn, setTimeout as timer } from 'node:timers/promises'
import t from 'tap'
import type { ScimTokenRecord, ScimTokenStore } from '../../lib/index.ts'
import { generateToken, hashToken } from '../../lib/token.ts'
import { accepted, storeUnavailable } from '../helpers/scim-responses.ts'
import { startScimHost } from '../helpers/scim-host.ts'

const token = generateToken()
const hash = hashToken(token)
const record: ScimTokenRecord = { hash, createdAt: new Date() }

// Every request below has the valid token.
const authorization = `Bearer ${token}`

/** A faulty `find` and what the log must contain. */
type Failures = Record<string, [find: () => unknown, logged: RegExp]>

const failures: Failures = {
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
  'returns a query that never settles': [() => queryBuilder(() => {}), /timed out after 20 ms/],
  'returns a query that rejects': [() => queryBuilder((_resolve, reject) => { reject(new Error('syntax error')) }), /syntax error/]
}

const wrongReturnValues: Failures = {
  true: returning(true, 'a record, null or undefined, got boolean'),
  'a number': returning(1, 'a record, null or undefined, got number'),
  'the hash alone': returning(hash, 'a record, null or undefined, got string'),
  'an empty object': returning({}),
  'an array of the record': returning([record]),
  'the row of a query': returning({ rows: [record] }),
  'a record in JSON': returning(JSON.stringify(record), 'a record, null or undefined, got string'),
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
  'a record with the token as its hash': hashOf(token),
  'a record with true as its hash': hashOf(true),
  'a record with a number as its hash': hashOf(0)
}

for (const [prefix, finds] of Object.entries({ 'find()': failures, 'find() returns': wrongReturnValues })) {
  for (const [name, [find, logged]] of Object.entries(finds)) {
    t.test(`${prefix} ${name} -> 503 with Retry-After, and the cause in the log`, async (t) => {
      const { send, log } = await startScimHost(t, { find: find as ScimTokenStore['find'], options: { timeout: 20 } })
      t.strictSame(await send(authorization), storeUnavailable)
      const errors = log.filter(({ level }) => level === 50)
      t.equal(errors.length, 1)
      t.match(errors[0]?.err?.stack, logged)
      t.match(errors[0]?.err?.stack, /scimTokenStore\.find (failed|must return)/)
    })
  }
}

t.test('find() returns a record, a promise or a query -> accepted', async (t) => {
  const finds: Record<string, ScimTokenStore['find']> = {
    'a record': () => record,
    'a promise': () => Promise.resolve(record),
    'a query': () => queryBuilder((resolve) => { resolve(record) })
  }
  for (const [name, find] of Object.entries(finds)) {
    const { send } = await startScimHost(t, { find })
    t.strictSame(await send(authorization), accepted, name)
  }
})

t.test('find() settles after the timeout -> 503, no access and no unhandled rejection', async (t) => {
  const unhandled: unknown[] = []
  const listener = (reason: unknown) => { unhandled.push(reason) }
  process.on('unhandledRejection', listener)
  t.teardown(() => process.off('unhandledRejection', listener))

  const settle: Record<string, (resolve: (record: ScimTokenRecord) => void, reject: (reason: Error) => void) => void> = {
    resolves: (resolve) => { resolve(record) },
    rejects: (_resolve, reject) => { reject(new Error('too late')) }
  }
  for (const [name, settleLate] of Object.entries(settle)) {
    let handled = 0
    const late = new EventEmitter()
    const { send } = await startScimHost(t, {
      options: { timeout: 20 },
      find: () => new Promise((resolve, reject) => { late.once('now', () => { settleLate(resolve, reject) }) }),
      routes (app) {
        app.get('/scim/Users', { onRequest: app.verifyScimToken }, async () => ++handled)
      }
    })
    t.strictSame(await send(authorization), storeUnavailable, name)
    late.emit('now')
    await turn()
    await turn()
    t.equal(handled, 0, name)
  }
  t.strictSame(unhandled, [])
})

t.test('timeout 0 -> find() may take any time', async (t) => {
  const { send } = await startScimHost(t, {
    options: { timeout: 0 },
    async find () {
      await turn()
      // Timers of the same length fire in the order they were set.
      await timer(1)
      return record
    }
  })
  t.strictSame(await send(authorization), accepted)
})

function throwing (thrown: unknown): () => never {
  return () => { throw thrown }
}

function rejecting (reason: unknown): () => Promise<never> {
  return () => Promise.reject(reason)
}

function returning (value: unknown, fault = 'a record whose "hash" is a SHA-256 in lower-case hexadecimal, got '): Failures[string] {
  return [() => value, new RegExp(`scimTokenStore\\.find must return ${fault}`)]
}

function hashOf (hash: unknown): Failures[string] {
  return returning({ hash, createdAt: new Date() })
}

/** Runs when it is awaited, like the queries of query builders. */
function queryBuilder (run: (resolve: (record: ScimTokenRecord) => void, reject: (reason: Error) => void) => void): PromiseLike<ScimTokenRecord> {
  return {
    then: (onResolved, onRejected) => new Promise<ScimTokenRecord>(run).then(onResolved, onRejected)
  }
}
