import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { once } from 'node:events'
import { chromium } from 'playwright-core'
import t from 'tap'
import { freePort } from '../helpers/free-port.ts'

const executablePath = '/usr/bin/chromium'
if (!existsSync(executablePath)) {
  throw new Error(`There is no ${executablePath}: install Chromium, on Debian with "apt-get install chromium".`)
}

const port = await freePort()
const url = `http://127.0.0.1:${port}`
const demo = spawn('npm', ['run', 'demo'], { cwd: fileURLToPath(new URL('../../examples/unleash', import.meta.url)), env: { ...process.env, PORT: String(port) }, detached: true })
const exited = once(demo, 'exit')
t.teardown(() => { if (demo.exitCode === null) process.kill(-demo.pid!, 'SIGKILL') })
let output = ''
for (const stream of [demo.stdout, demo.stderr]) stream.setEncoding('utf8').on('data', (text) => { output += text })
const started = new Promise<void>((resolve) => { demo.stdout.on('data', () => { if (output.includes('Ctrl-C')) resolve() }) })
await Promise.race([started, exited.then(() => { throw new Error(`The demo did not start:\n${output}`) })])

const commands = output.match(/curl .*/g) ?? []
const curl = async (command: string) => (await promisify(execFile)('sh', ['-c', command.replace('curl', 'curl --silent --fail-with-body')])).stdout
let authorization = ''

t.test('npm run demo -> an address, a login and two curl lines, which enable SCIM and generate a token', async (t) => {
  t.match(output, `Unleash with SCIM: ${url}`)
  t.match(output, 'Log in as "admin" with the password "unleash4all".')
  t.equal(commands.length, 2)
  t.match(await (await fetch(`${url}/scim/Users`)).json(), { status: '401' })
  t.equal(await curl(commands[0]!), '')
  const { token } = JSON.parse(await curl(commands[1]!))
  authorization = `Bearer ${token}`

  const created = await fetch(`${url}/scim/Users`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/scim+json' },
    body: JSON.stringify({ schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: 'ada@example.com', name: { givenName: 'Ada', familyName: 'Lovelace' } })
  })
  t.equal(created.status, 201)
})

t.test('the admin UI in Chromium -> it logs in, shows the provisioned user and the events', async (t) => {
  const browser = await chromium.launch({
    executablePath,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  })
  t.teardown(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } })
  const failed: string[] = []
  // Before the login each request gets 401.
  page.on('response', (response) => { if (response.status() >= 400 && response.status() !== 401 && response.url().startsWith(url)) failed.push(`${response.status()} ${response.url()}`) })
  const screenshots = process.env['SCREENSHOTS']
  const shoot = async (name: string) => { if (screenshots) await page.screenshot({ path: `${screenshots}/${name}.png` }) }

  await page.goto(url)
  await page.locator('#username').fill('admin')
  await page.locator('#password').fill('unleash4all')
  await page.getByTestId('LOGIN_BUTTON').click()
  await page.waitForURL((address) => !address.pathname.includes('login'))
  await shoot('1-logged-in')

  await page.goto(`${url}/admin/users`)
  await page.getByText('Ada Lovelace').first().waitFor()
  await page.getByText('ada@example.com').first().waitFor()
  await shoot('2-users')

  await page.goto(`${url}/history`)
  await page.getByText('user-created').first().waitFor()
  const shown = await page.locator('body').innerText()
  t.match(shown, /user-created\s+Changed by:\s+scim/)
  t.match(shown, /setting-updated\s+Changed by:\s+admin/)
  await shoot('3-events')

  t.strictSame(failed, [], 'no request of the UI fails')
})

t.test('Ctrl-C -> everything stops, and nothing is left', async (t) => {
  const processes = await descendants(demo.pid!)
  t.ok(processes.length >= 4, 'the host, PostgreSQL and Unleash run')
  // As a terminal does, to the whole group.
  process.kill(-demo.pid!, 'SIGINT')
  await exited
  t.strictSame(processes.filter(isRunning), [])
  t.strictSame((await readdir(tmpdir())).filter((name) => name.startsWith('unleash-demo-')), [])
})

/** Returns the ids of the process and of all that it has started. */
async function descendants (pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,ppid='])
  const parents = new Map(stdout.trim().split('\n').map((line) => line.trim().split(/\s+/).map(Number) as [number, number]))
  const isDescendant = (id: number): boolean => id === pid || (parents.has(id) && id > 1 && isDescendant(parents.get(id)!))
  return [...parents.keys()].filter(isDescendant)
}

function isRunning (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
