import t from 'tap'
import { admin, generate, generateOverSocket, startHost } from '../helpers/host.ts'
import { listen } from '../helpers/raw-http.ts'

const otherOrigins: [headers: Record<string, string>, logged: string][] = [
  [
    { origin: 'https://admin.example', host: 'Internal:4242' },
    "{ secFetchSite: undefined, origin: 'https://admin.example', host: 'internal:4242' }"
  ],
  [
    { origin: 'https://evil.example', host: 'app.example', 'sec-fetch-site': 'cross-site' },
    "{ secFetchSite: 'cross-site', origin: 'https://evil.example', host: 'app.example' }"
  ]
]

for (const [headers, logged] of otherOrigins) {
  t.test(`403 for ${JSON.stringify(headers)} -> the log line has what was compared, and the message names no host`, async (t) => {
    const { app, log } = await startHost(t)
    const response = await generate(app, { ...admin, ...headers })
    t.equal(response.statusCode, 403)
    const { id, message } = response.json()
    t.match(message, /proxy .*forward.* host/i)
    t.notMatch(message, /internal|evil|\.example/i)
    const [line, ...others] = log.filter(({ errorId }) => errorId === id)
    t.match(line, { level: 30 })
    t.ok(line?.err?.stack.replaceAll(/\s+/g, ' ').includes(logged))
    t.strictSame(others, [])
  })
}

const withoutHost: [what: string, origin: string, host: string][] = [
  ['file://', 'file://', ''],
  ['null', 'null', ''],
  ['an extension', 'chrome-extension://', ''],
  ['a page', 'https://evil.example', '']
]

for (const [what, origin, host] of withoutHost) {
  t.test(`the Origin of ${what} and an empty Host -> 403`, async (t) => {
    const { app, replaced } = await startHost(t)
    t.equal((await generateOverSocket(await listen(app), { ...admin, origin, host })).status, 403)
    t.strictSame(replaced, [])
  })
}

t.test('Origin: file:// and no Host, on a server that does not require one -> 403', async (t) => {
  const { app, replaced } = await startHost(t, { server: { http: { requireHostHeader: false } } })
  t.equal((await generateOverSocket(await listen(app), { ...admin, origin: 'file://', host: [] })).status, 403)
  t.strictSame(replaced, [])
})
