import { once } from 'node:events'
import { createServer } from 'node:http'
import { generateToken, hashToken } from '../../dist/token.js'
import { generatePath, permissions, resolver } from './work.js'

/** The same work on Node's own HTTP server: the limit of what JavaScript can do here. */
export async function start () {
  const records = new Map()
  const server = createServer((request, response) => {
    if (request.method !== 'POST' || request.url !== generatePath) return response.writeHead(404).end()
    const user = resolver.authenticate(request)
    if (user === null) return response.writeHead(401).end()
    if (!resolver.authorize(user, permissions)) return response.writeHead(403).end()
    const token = generateToken()
    records.set('default', { hash: hashToken(token), createdAt: new Date() })
    const body = `{"token":"${token}"}`
    response.writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'content-length': body.length
    }).end(body)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { port: server.address().port, token: '' }
}
