import { EventEmitter, once } from 'node:events'
import t, { type Test } from 'tap'
import { memoryStore } from '../../lib/stores/memory.ts'
import { startHost, type HostSetup } from '../helpers/host.ts'
import { listen, openSocket, parseResponse, readAll } from '../helpers/raw-http.ts'

const path = '/api/admin/scim-settings'
const body = '{"enabled": true}'

/** Users whose access a test can take away; `accessChecked` is emitted after each check. */
class Users extends EventEmitter {
  user: object | null = { name: 'ada' }
  isAuthorized = true
  readonly resolver = {
    authenticate: async () => this.user,
    authorize: async () => {
      this.emit('authorize')
      return this.isAuthorized
    }
  }
}

/** Sends half of a settings change, and resolves once its access was checked. */
async function park (t: Test, users: Users, setup: HostSetup = {}) {
  const changes: boolean[] = []
  const store = { ...memoryStore(), setEnabled (enabled: boolean) { changes.push(enabled) } }
  const { app } = await startHost(t, { store, resolver: users.resolver, ...setup, options: { settingsRoutes: true } })
  const url = await listen(app)
  const authorized = once(users, 'authorize')
  const socket = await openSocket(url)
  socket.write(`POST ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`)
  const received = readAll(socket)
  await authorized
  return {
    changes,
    received,
    async finish () {
      socket.write(body.slice(5))
      return parseResponse(await received)
    }
  }
}

t.test('the session ends while the body of a settings change arrives -> 401, and nothing is changed', async (t) => {
  const users = new Users()
  const { finish, changes } = await park(t, users)
  users.user = null
  t.match(await finish(), { status: 401 })
  t.strictSame(changes, [])
})

t.test('the permission is taken away while the body of a settings change arrives -> 403, and nothing is changed', async (t) => {
  const users = new Users()
  const { finish, changes } = await park(t, users)
  users.isAuthorized = false
  t.match(await finish(), { status: 403 })
  t.strictSame(changes, [])
})

t.test('the resolver fails while the body of a settings change arrives -> 500, and nothing is changed', async (t) => {
  const users = new Users()
  const { finish, changes } = await park(t, users)
  users.resolver.authorize = async () => { throw new Error('no connection') }
  t.match(await finish(), { status: 500 })
  t.strictSame(changes, [])
})

t.test('the body arrives late and the user still has access -> 200', async (t) => {
  const { finish, changes } = await park(t, new Users())
  t.match(await finish(), { status: 200 })
  t.strictSame(changes, [true])
})

t.test('the store gets the user of the second check', async (t) => {
  const users = new Users()
  const seen: object[] = []
  const { finish } = await park(t, users, { store: { ...memoryStore(), setEnabled (_enabled, { user }) { seen.push(user) } } })
  users.user = { name: 'ada', renamed: true }
  t.match(await finish(), { status: 200 })
  t.strictSame(seen, [{ name: 'ada', renamed: true }])
})

t.test('the body never arrives and the host sets handlerTimeout -> 503, and nothing is changed', async (t) => {
  const { changes, received } = await park(t, new Users(), { server: { handlerTimeout: 50 } })
  t.match(parseResponse(await received), { status: 503 })
  t.strictSame(changes, [])
})
