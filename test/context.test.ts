import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import type { ScimRequestContext, ScimTokenOptions } from '../lib/index.ts'
import { memoryStore } from '../lib/stores/memory.ts'
import { generateToken } from '../lib/token.ts'
import { admin, generate, startHost } from './helpers/host.ts'
import { head, listen } from './helpers/request.ts'
import { addScimRoute, scimPath } from './helpers/scim-route.ts'

/** Starts a host whose store does nothing until it is told to stop; it then emits `stopped`. */
async function startHostThatStops (t: Test, options: ScimTokenOptions) {
  const store = new EventEmitter<{ asked: [], stopped: [] }>()
  const stop = async ({ signal }: ScimRequestContext) => {
    store.emit('asked')
    await once(signal, 'abort')
    store.emit('stopped')
    throw new Error('stopped')
  }
  const { app } = await startHost(t, {
    options,
    store: { ...memoryStore(), find: stop, replace: (_record, context) => stop(context) },
    prepare: addScimRoute
  })
  return { app, store }
}

const scimHead = `GET ${scimPath} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${generateToken()}\r\n\r\n`

t.test('a store can stop when the time is over', async (t) => {
  const { app, store } = await startHostThatStops(t, { timeout: 50 })

  const changeStopped = once(store, 'stopped')
  t.equal((await generate(app)).statusCode, 503)
  await t.resolves(changeStopped)

  const lookUpStopped = once(store, 'stopped')
  const answer = await app.inject({ url: scimPath, headers: { authorization: `Bearer ${generateToken()}` } })
  t.equal(answer.statusCode, 503)
  await t.resolves(lookUpStopped)
})

for (const timeout of [0, 60_000]) {
  for (const [job, request] of [['a change', head(admin)], ['a look-up', scimHead]] as const) {
    t.test(`a store can stop ${job} when the client is gone, with a time limit of ${timeout} ms`, async (t) => {
      const { app, store } = await startHostThatStops(t, { timeout })
      const socket = connect(await listen(app), '127.0.0.1')
      const asked = once(store, 'asked')
      socket.write(request)
      await asked

      const stopped = once(store, 'stopped')
      socket.destroy()
      await t.resolves(stopped)
    })
  }
}

t.test('the signal is not aborted while the time is not over, though the body of the request is read', async (t) => {
  const aborted: boolean[] = []
  const { app } = await startHost(t, {
    store: {
      ...memoryStore(),
      async replace (_record, { signal }) {
        await new Promise((resolve) => setImmediate(resolve))
        aborted.push(signal.aborted)
        return true
      }
    }
  })
  const socket = connect(await listen(app), '127.0.0.1')
  socket.write(head({ ...admin, 'content-length': '2', 'content-type': 'application/json' }) + '{}')
  const [answer] = await once(socket, 'data')

  t.match(String(answer), /^HTTP\/1\.1 200/)
  t.strictSame(aborted, [false])
})
