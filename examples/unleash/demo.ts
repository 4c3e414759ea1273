import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildHost } from './app.ts'
import { readConfig } from './config.ts'
import { firstAdmin, startUnleash } from './unleash-process.ts'

/** Stop what was started. */
const stops: (() => Promise<unknown>)[] = []
let stopped: Promise<void> | undefined

// Also while something is starting. A second signal, as npm sends one for the same Ctrl-C, changes nothing.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => { stopAll().finally(() => process.exit()) })

try {
  const databaseUrl = await startPostgres()
  const unleashPort = await freePort()
  const config = readConfig({ ...process.env, UNLEASH_URL: `http://127.0.0.1:${unleashPort}`, DATABASE_URL: databaseUrl })
  const { host } = config
  const port = config.port === 0 ? await freePort() : config.port
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${port}`

  const unleash = await startUnleash({ databaseUrl, port: unleashPort, publicUrl: address })
  stops.push(unleash.stop)

  const app = await buildHost(config, { level: 'warn' })
  stops.push(() => app.close())
  await app.listen({ host, port }).catch(async (error: NodeJS.ErrnoException) => {
    throw new Error(`The host cannot listen on ${host}:${port} (${error.code}): set HOST or PORT to something else.`, { cause: error })
  })

  const settings = `curl -X POST ${address}/api/admin/scim-settings`
  const authorization = `-H 'Authorization: ${await createToken(address)}'`
  console.log(`
Unleash with SCIM: ${address}
Log in as "${firstAdmin.username}" with the password "${firstAdmin.password}".

Enable SCIM, and generate the token for your identity provider:

  ${settings} ${authorization} -H 'Content-Type: application/json' -d '{"enabled":true}'
  ${settings}/generate-new-token ${authorization}

Ctrl-C stops the host, Unleash and PostgreSQL, and deletes the database.
`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  await stopAll()
  process.exit(1)
}

async function stopAll (): Promise<void> {
  stopped ??= (async () => { for (const stop of stops.reverse()) await stop() })()
  await stopped
}

async function startPostgres (): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'unleash-demo-'))
  stops.push(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const program = fileURLToPath(new URL('demo-postgres.ts', import.meta.url))
  const postgres = spawn(process.execPath, ['--import', 'tsx', program, folder, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(postgres, 'exit')
  stops.push(async () => {
    postgres.kill('SIGTERM')
    await exited
  })
  const isReady = await Promise.race([once(postgres.stdout, 'data').then(() => true), exited.then(() => false)])
  if (!isReady) throw new Error('PostgreSQL did not start.')
  return `postgresql://unleash:unleash@127.0.0.1:${port}/postgres`
}

/** Creates a personal access token of the first admin. */
async function createToken (address: string): Promise<string> {
  const login = await post(`${address}/auth/simple/login`, firstAdmin)
  const cookie = login.headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0]).join('; ')
  // Unleash sends the cookie before it has stored the session.
  while (!(await fetch(`${address}/api/admin/user`, { headers: { cookie } })).ok) await setTimeout(50)
  const expiresAt = new Date(Date.now() + 24 * 3600 * 1000)
  const token = await post(`${address}/api/admin/user/tokens`, { description: 'demo', expiresAt }, cookie)
  return (await token.json() as { secret: string }).secret
}

async function post (url: string, body: object, cookie = ''): Promise<Response> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', cookie }, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${url} responded with ${response.status}.`)
  return response
}

/** Returns a port of 127.0.0.1 on which nothing listens. */
async function freePort (): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  return port
}
