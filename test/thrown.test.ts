import t from 'tap'
import { toError } from '../lib/thrown.ts'

const token = 'scim_4eDSyp7eV8rHF61DuGmF5O4rzjDQmaIpKRLtZZ4Wjrq1q4mCu'
const hash = 'a'.repeat(64)

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const unreadable: Record<string, unknown> = {
  'a message without a prototype': { message: Object.create(null) },
  'a symbol as its message': { message: Symbol('x') },
  'getters that throw': { get message () { throw new Error('no') }, get statusCode () { throw new Error('no') }, get stack () { throw new Error('no') } },
  'no properties of an error, such as a function': () => {},
  'a revoked proxy': revoked(),
  'no prototype': Object.create(null),
  'a proxy that throws': new Proxy({}, { get () { throw new Error('no') } })
}
for (const [what, thrown] of Object.entries(unreadable)) {
  t.test(`an object with ${what} -> an Error with a message and a stack`, async (t) => {
    const error = toError(thrown)
    t.ok(error instanceof Error)
    t.equal(error.message, 'an object without a message')
    t.type(error.name, 'string')
    t.strictSame(Object.keys(error), [])
    t.type(error.stack, 'string')
  })
}

t.test('values that are not objects -> an Error with their text', async (t) => {
  for (const [value, text] of [['text', 'text'], [undefined, 'undefined'], [null, 'null'], [1n, '1'], [Symbol('x'), 'Symbol(x)'], [NaN, 'NaN']] as const) {
    t.equal(toError(value).message, text)
  }
})

t.test('an Error -> name, message, stack, code, status and headers of it', async (t) => {
  const thrown = Object.assign(new TypeError('Not so.'), { code: '42P01', statusCode: 409, headers: { 'retry-after': '1' } })
  t.match(toError(thrown), { name: 'TypeError', message: 'Not so.', stack: thrown.stack, code: '42P01', statusCode: 409, headers: { 'retry-after': '1' } })
})

t.test('a code that is a number -> kept; a code or headers of another type, and the code that a cause lacks -> left out', async (t) => {
  t.equal(toError({ code: 1054 }).code, 1054)
  const error = toError(Object.assign(new Error('Not so.', { cause: new Error('why') }), { code: {}, headers: 'retry-after' }))
  t.strictSame(Object.getOwnPropertyNames(error).sort(), ['cause', 'message', 'name', 'stack'])
})

t.test('an error with other properties -> they are left out', async (t) => {
  t.strictSame(Object.keys(toError(Object.assign(new Error('duplicate key'), { code: '23505', detail: `Key (token_hash)=(${hash}) exists`, where: hash }))), ['code'])
})

t.test('a message, a stack and a cause with a token and a hash -> they are redacted', async (t) => {
  const { message, stack, cause } = toError(new Error(`Failing row contains (${hash})`, { cause: new Error(`for ${token}`) }))
  t.equal(message, 'Failing row contains ([redacted])')
  t.notMatch(stack, hash)
  t.match(cause, { message: 'for [redacted]' })
})

t.test('a name and a code with a token -> they are redacted', (t) => {
  t.match(toError({ name: token, code: token }), { name: '[redacted]', code: '[redacted]' })
  t.end()
})

t.test('causes -> kept down to the fifth, also if they are circular', async (t) => {
  const circular: { message: string, cause?: unknown } = { message: 'around' }
  circular.cause = circular
  let depth = 0
  for (let error: unknown = toError(circular); error instanceof Error; error = error.cause) depth++
  t.equal(depth, 6)
})

t.test('an error without a message and with a code, as for a host name with several addresses -> its code', async (t) => {
  t.equal(toError(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })).message, 'ECONNREFUSED')
})
