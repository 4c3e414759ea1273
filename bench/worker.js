// Runs one contestant in a process of its own: node worker.js <name> <URL of PostgreSQL, or nothing>
import { generateToken } from '../dist/token.js'
import { contestants } from './contestants.js'
import { emitRequests } from './emit-requests.js'
import { memoryHost, postgresHost } from './hosts.js'

const [name, url] = process.argv.slice(2)
const host = url ? await postgresHost(url, name === 'by hand') : await memoryHost()
const app = await contestants[name](host)
await app.ready()

const authorization = {
  admin: 'admin',
  'valid token': `Bearer ${host.token}`,
  'wrong token': `Bearer ${generateToken()}`,
  'malformed token': 'Bearer nonsense'
}

process.on('message', async ({ credentials, ...request }) => {
  process.send(await emitRequests(app.server, { ...request, authorization: authorization[credentials] }, host.statements))
})
process.on('disconnect', () => process.exit())
process.send('ready')
