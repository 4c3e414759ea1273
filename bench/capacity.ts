import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { startPostgres } from '../test/helpers/postgres.ts'
import { median } from './statistics.ts'

// How many tokens one process verifies on PostgreSQL in a second, over sockets, by the size of its pool.

const connections = 64
const warmUp = 3000
const verifications = 5000
const rounds = 3
const poolSizes = [1, 5, 20]

const server = await startPostgres()
const results = new Map<number, [perSecond: number, microseconds: number][]>(poolSizes.map((size) => [size, []]))
try {
  for (let round = 0; round < rounds; round++) {
    for (const [size, measured] of results) measured.push(await measure(size))
  }
} finally {
  await server.stop()
}

const format = (values: number[]) => `${Math.round(median(values))} (${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))})`
console.log('| connections of the pool | verifications a second | µs of CPU time of the process for each |\n|---|---|---|')
for (const [size, measured] of results) {
  console.log(`| ${size} | ${format(measured.map(([perSecond]) => perSecond))} | ${format(measured.map(([, microseconds]) => microseconds))} |`)
}

async function measure (poolSize: number): Promise<[perSecond: number, microseconds: number]> {
  const host = fork(new URL('capacity-host.js', import.meta.url), [server.url, String(poolSize)], { env: { ...process.env, NODE_ENV: 'production' }, execArgv: [] })
  try {
    const [{ port, token }] = await once(host, 'message')
    const request = `GET /scim/Users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`
    const cpuTime = async () => {
      host.send('cpu')
      return (await once(host, 'message'))[0] as number
    }
    let count = 0
    const waiting = new Map<number, () => void>()
    const until = (target: number) => new Promise<void>((resolve) => { waiting.set(target, resolve) })
    const sockets = Array.from({ length: connections }, () => {
      const socket = connect(port, '127.0.0.1')
      // Each response is small enough to arrive in one piece.
      socket.on('data', (data) => {
        if (!data.toString().startsWith('HTTP/1.1 200')) throw new Error(String(data))
        waiting.get(++count)?.()
        socket.write(request)
      })
      socket.write(request)
      return socket
    })
    await until(warmUp)
    const cpuBefore = await cpuTime()
    const [before, start] = [count, performance.now()]
    await until(before + verifications)
    const elapsed = performance.now() - start
    const cpu = await cpuTime() - cpuBefore
    for (const socket of sockets) socket.destroy()
    return [verifications / elapsed * 1000, cpu / verifications]
  } finally {
    host.disconnect()
    await once(host, 'exit')
  }
}
