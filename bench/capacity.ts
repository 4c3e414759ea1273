import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { startPostgres } from '../test/helpers/postgres.ts'
import { spread } from './statistics.ts'

// How many tokens one process verifies on PostgreSQL in a second, over sockets, by the size of its pool.

const clients = 64
const warmUp = 3000
const verifications = 5000
const rounds = 3
const poolSizes = [1, 5, 20]

const server = await startPostgres()
const measured = poolSizes.map((size) => ({ size, perSecond: [] as number[], cpu: [] as number[] }))
try {
  for (let round = 0; round < rounds; round++) {
    for (const { size, perSecond, cpu } of measured) {
      const result = await measure(size)
      perSecond.push(result.perSecond)
      cpu.push(result.cpu)
    }
  }
} finally {
  await server.stop()
}

console.log('| connections of the pool | verifications a second | µs of CPU time of the process for each |\n|---|---|---|')
for (const { size, perSecond, cpu } of measured) console.log(`| ${size} | ${format(perSecond)} | ${format(cpu)} |`)

async function measure (poolSize: number): Promise<{ perSecond: number, cpu: number }> {
  const host = fork(new URL('capacity-host.js', import.meta.url), [server.url, String(poolSize)], { env: { ...process.env, NODE_ENV: 'production' }, execArgv: [] })
  const message = async () => (await once(host, 'message'))[0]
  const { port, token } = await message()
  const cpuTime = async (): Promise<number> => {
    host.send('CPU time')
    return await message()
  }

  const request = `GET /scim/v2/Users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`
  let count = 0
  const waiting = new Map<number, () => void>()
  const counted = (target: number) => new Promise<void>((resolve) => { waiting.set(target, resolve) })
  const sockets = Array.from({ length: clients }, () => connect(port, '127.0.0.1'))
  for (const socket of sockets) {
    // Each response is small enough to arrive in one piece.
    socket.on('data', (data) => {
      if (!data.toString().startsWith('HTTP/1.1 200')) throw new Error(String(data))
      waiting.get(++count)?.()
      socket.write(request)
    })
    socket.write(request)
  }

  await counted(warmUp)
  const cpu = await cpuTime()
  const [first, start] = [count, performance.now()]
  await counted(first + verifications)
  const elapsed = performance.now() - start
  const result = { perSecond: verifications / elapsed * 1000, cpu: (await cpuTime() - cpu) / verifications }
  for (const socket of sockets) socket.destroy()
  host.disconnect()
  await once(host, 'exit')
  return result
}

function format (values: number[]): string {
  const { middle, lowest, highest } = spread(values)
  return `${middle.toFixed()} (${lowest.toFixed()} to ${highest.toFixed()})`
}
