import { EventEmitter, once } from 'node:events'
import t from 'tap'
import type { ScimTokenRecord } from '../../lib/index.ts'
import { generateToken, hashToken } from '../../lib/token.ts'
import { createStoreContext } from '../helpers/store-context.ts'
import { accepted, unknownToken } from '../helpers/scim-responses.ts'
import { startScimHost } from '../helpers/scim-host.ts'

const token = generateToken()
const record: ScimTokenRecord = { hash: hashToken(token), createdAt: new Date() }
const authorization = `Bearer ${token}`

t.test('no record -> every token is rejected, even an empty one (ToolJet issue 16217)', async (t) => {
  const { send } = await startScimHost(t)
  t.strictSame(await send(authorization), unknownToken)
  t.equal((await send('Bearer ')).status, 401)
  t.equal((await send('Bearer')).status, 401)
  t.equal((await send('')).status, 401)
})

t.test('SCIM disabled -> the token is rejected until SCIM is enabled again', async (t) => {
  const { send, generate, store } = await startScimHost(t)
  const token = await generate()
  const context = await createStoreContext({})

  await store.setEnabled(false, context)
  t.strictSame(await send(`Bearer ${token}`), unknownToken)
  await store.setEnabled(true, context)
  t.strictSame(await send(`Bearer ${token}`), accepted)
})

t.test('a new token is generated -> the old one is rejected from the next request on', async (t) => {
  const { send, generate } = await startScimHost(t)
  const first = await generate()
  t.strictSame(await send(`Bearer ${first}`), accepted)
  const second = await generate()
  t.strictSame(await send(`Bearer ${first}`), unknownToken)
  t.strictSame(await send(`Bearer ${second}`), accepted)
})

t.test('50 concurrent requests -> 50 look-ups', async (t) => {
  const lookUps = new EventEmitter()
  const pending: ((record: ScimTokenRecord) => void)[] = []
  const { send, finds } = await startScimHost(t, {
    find: () => new Promise((resolve) => { if (pending.push(resolve) === 50) lookUps.emit('all pending') })
  })
  const allPending = once(lookUps, 'all pending')
  const responses = Array.from({ length: 50 }, () => send(authorization))
  await allPending
  for (const resolve of pending) resolve(record)
  t.strictSame(await Promise.all(responses), responses.map(() => accepted))
  t.equal(finds(), 50)
})

t.test('five requests one after the other -> five look-ups', async (t) => {
  const { send, finds } = await startScimHost(t, { find: () => record })
  for (let i = 0; i < 5; i++) await send(authorization)
  t.equal(finds(), 5)
})

t.test('find() gets the request -> a token is valid for its own tenant only', async (t) => {
  const { app } = await startScimHost(t, { find: ({ request }) => request.headers['x-tenant'] === 'mine' ? record : null })
  const statusFor = async (tenant: string) => (await app.inject({ url: '/scim/Users', headers: { authorization, 'x-tenant': tenant } })).statusCode
  t.strictSame([await statusFor('mine'), await statusFor('yours')], [200, 401])
})
