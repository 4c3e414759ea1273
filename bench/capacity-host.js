// Runs the plugin on PostgreSQL, and sends its CPU time in microseconds when asked: node capacity-host.js <URL of PostgreSQL> <connections>
import { contestants } from './contestants.js'
import { postgresHost } from './hosts.js'

const [url, connections] = process.argv.slice(2)
const host = await postgresHost(url, false, Number(connections))
const app = await contestants.plugin(host)
await app.listen()

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send(user + system)
})
process.on('disconnect', () => process.exit())
process.send({ port: app.server.address().port, token: host.token })
