import { EventEmitter, once } from 'node:events'
import t from 'tap'
import type { ScimTokenRecord } from '../lib/index.ts'
import { generateToken, hashToken } from '../lib/token.ts'
import { createStoreContext } from './helpers/store-context.ts'
import { accepted, unknownToken } from './helpers/scim-responses.ts'
import { startScimHost } from './helpers/scim-host.ts'

const token = generateToken()
const record: ScimTokenRecord = { hash: hashToken(token), createdAt: new Date() }
const right = `Bearer ${token}`

t.test('where there is no record, nobody is let in, not even with an empty token (ToolJet issue 16217)', async (t) => {
  const { send } = await startScimHost(t)
  t.strictSame(await send(right), unknownToken)
  t.equal((await send('Bearer ')).status, 401)
  t.equal((await send('Bearer')).status, 401)
  t.equal((await send('')).status, 401)
})

t.test('where SCIM is disabled, nobody is let in until it is enabled again', async (t) => {
  const { send, generate, store } = await startScimHost(t)
  const token = await generate()
  const context = await createStoreContext({})

  await store.setEnabled(false, context)
  t.strictSame(await send(`Bearer ${token}`), unknownToken)
  await store.setEnabled(true, context)
  t.strictSame(await send(`Bearer ${token}`), accepted)
})

t.test('a token is refused from the next request on once another is generated', async (t) => {
  const { send, generate } = await startScimHost(t)
  const first = await generate()
  t.strictSame(await send(`Bearer ${first}`), accepted)
  const second = await generate()
  t.strictSame(await send(`Bearer ${first}`), unknownToken)
  t.strictSame(await send(`Bearer ${second}`), accepted)
})

t.test('no two requests share a look-up', async (t) => {
  const asked = new EventEmitter()
  const pending: ((record: ScimTokenRecord) => void)[] = []
  const { send, finds } = await startScimHost(t, {
    find: () => new Promise((resolve) => { if (pending.push(resolve) === 50) asked.emit('all') })
  })
  const all = once(asked, 'all')
  const answers = Array.from({ length: 50 }, () => send(right))
  await all
  for (const resolve of pending) resolve(record)
  t.strictSame(await Promise.all(answers), answers.map(() => accepted))
  t.equal(finds(), 50)
})

t.test('no look-up is saved up for a later request', async (t) => {
  const { send, finds } = await startScimHost(t, { find: () => record })
  for (let i = 0; i < 5; i++) await send(right)
  t.equal(finds(), 5)
})

t.test('a store is asked on behalf of the request', async (t) => {
  const { app } = await startScimHost(t, { find: ({ request }) => request.headers['x-tenant'] === 'mine' ? record : null })
  const statusFor = async (tenant: string) => (await app.inject({ url: '/scim/Users', headers: { authorization: right, 'x-tenant': tenant } })).statusCode
  t.strictSame([await statusFor('mine'), await statusFor('yours')], [200, 401])
})
