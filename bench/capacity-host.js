// A host on PostgreSQL that sends its CPU time in microseconds when it gets a message.
import Fastify from 'fastify'
import scimToken, { verifyScimToken } from 'fastify-scim-token'
import { postgresMigration, postgresStore } from 'fastify-scim-token/stores/postgres'
import pg from 'pg'

const [connectionString, max] = process.argv.slice(2)
const db = new pg.Pool({ connectionString, max: Number(max), connectionTimeoutMillis: 1500, query_timeout: 3000 })
await db.query(postgresMigration())
await db.query("insert into scim_settings (tenant, enabled) values ('default', true) on conflict do nothing")

const app = Fastify()
app.decorate('scimAuthResolver', { authenticate: async () => ({ name: 'admin' }), authorize: async () => true })
app.decorate('scimTokenStore', postgresStore({ db, createdBy: ({ name }) => name }))
app.register(scimToken)
app.get('/scim/Users', { onRequest: verifyScimToken }, async () => ({ totalResults: 0, Resources: [] }))
await app.listen()
const { token } = (await app.inject({ method: 'POST', url: '/api/admin/scim-settings/generate-new-token' })).json()

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send(user + system)
})
process.on('disconnect', () => { process.exit() })
process.send({ port: app.server.address().port, token })
