import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { logIn, startExampleHost } from '../helpers/example-host.ts'

t.test("the requests of Unleash's SCIM page, byte for byte: enable, token, reload, second token, disable -> the responses that it expects", async (t) => {
  const { url } = await startExampleHost(t, { SCIM_SETTINGS: 'none' })
  const { host, hostname, port } = new URL(url)
  const cookie = await logIn(url)
  const socket = connect(Number(port), hostname)
  t.teardown(() => socket.destroy())

  // The headers that Chromium sends with each request of the page, in the same order.
  const before = [`Host: ${host}`, 'Connection: keep-alive']
  const browser = [
    'sec-ch-ua-platform: "Linux"',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"'
  ]
  const fetchMetadata = ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty']
  const after = [
    `Referer: ${url}/admin/scim`,
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Accept-Language: en-US,en;q=0.9',
    `Cookie: ${cookie}`
  ]

  const load = async () => await sendOn(socket, [
    'GET /api/admin/scim-settings HTTP/1.1',
    ...before, ...browser, 'sec-ch-ua-mobile: ?0', 'Accept: */*', ...fetchMetadata, ...after
  ])
  const post = async (path: string, body: string) => await sendOn(socket, [
    `POST ${path} HTTP/1.1`,
    ...before, `Content-Length: ${body.length}`, ...browser, 'Content-Type: application/json', 'sec-ch-ua-mobile: ?0',
    'Accept: application/json', `Origin: ${url}`, ...fetchMetadata, ...after
  ], body)
  const save = async (enabled: boolean) => await post('/api/admin/scim-settings', JSON.stringify({ enabled }))
  const generate = async () => await post('/api/admin/scim-settings/generate-new-token', '')

  t.same(await load(), { status: 200, body: '{"enabled":false,"hasToken":false}' })

  t.same(await save(true), { status: 200, body: '' })
  const first = await generate()
  t.match(first, { status: 200, body: /^{"token":"scim_[0-9A-Za-z]{49}"}$/ })

  t.same(await load(), { status: 200, body: '{"enabled":true,"hasToken":true}' }, 'after a reload the page shows the button for a new token')
  const second = await generate()
  t.match(second, { status: 200, body: /^{"token":"scim_[0-9A-Za-z]{49}"}$/ })
  t.not(second.body, first.body)

  t.same([await useToken(url, first.body), await useToken(url, second.body)], [401, 200], 'the second token is the valid one')

  t.same(await save(false), { status: 200, body: '' })
  t.equal(await useToken(url, second.body), 401, 'no token is valid while SCIM is disabled')
  t.same(await load(), { status: 200, body: '{"enabled":false,"hasToken":true}' })
})

/** Sends a SCIM request with the token from a response body, as an identity provider does. */
async function useToken (url: string, body: string): Promise<number> {
  const { status } = await fetch(`${url}/scim/Users`, { headers: { authorization: `Bearer ${JSON.parse(body).token}` } })
  return status
}

/** Sends a request on an open connection and reads its response. */
async function sendOn (socket: Socket, head: string[], body = ''): Promise<{ status: number, body: string }> {
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  let received = ''
  while (true) {
    const [chunk] = await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })
    received += chunk
    const response = /^HTTP\/1\.1 (\d{3}) .*?\r\ncontent-length: (\d+)\r\n.*?\r\n\r\n(.*)$/is.exec(received)
    if (response !== null && response[3]?.length === Number(response[2])) {
      return { status: Number(response[1]), body: response[3] }
    }
  }
}
