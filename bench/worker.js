// Runs one contestant in a process of its own: node worker.js <module> <setup as JSON>
import { once } from 'node:events'
import { generateToken } from '../dist/token.js'
import { emitRequests } from './emit-requests.js'
import { Profiles } from './profiles.js'

// Wakes up the processor's caches after another process had it.
const leadInMilliseconds = 20

const [module, setup] = process.argv.slice(2)
const { server, token, wrongToken = generateToken() } = await (await import(module)).start(JSON.parse(setup))
const profiles = new Profiles()

const authorization = {
  admin: 'admin',
  'valid token': `Bearer ${token}`,
  'wrong token': `Bearer ${wrongToken}`,
  'malformed token': 'Bearer nonsense'
}

const methods = {
  async emitRequests (request, milliseconds) {
    const withHeader = { ...request, authorization: authorization[request.credentials] }
    await emitRequests(server, withHeader, leadInMilliseconds)
    return await emitRequests(server, withHeader, milliseconds)
  },
  async listen () {
    if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
    return server.address().port
  },
  authorization: (credentials) => authorization[credentials],
  cpuMicroseconds () {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  startCpuProfile: () => profiles.startCpu(),
  stopCpuProfile: () => profiles.stopCpu(),
  startHeapProfile: () => profiles.startHeap(),
  stopHeapProfile: () => profiles.stopHeap()
}

process.on('message', async ({ method, args }) => { process.send({ result: await methods[method](...args) }) })
process.on('disconnect', () => process.exit())
process.send({ result: 'started' })
