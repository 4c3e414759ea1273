import closeWithGrace from 'close-with-grace'
import { buildHost } from './app.ts'
import { readConfig } from './config.ts'

const config = readConfig(process.env)
const app = await buildHost(config)

closeWithGrace({ logger: app.log }, () => app.close())

const address = await app.listen({ host: config.host, port: config.port })

// A token of one's own does not belong on a screen.
const header = process.env['ADMIN_TOKEN'] ? '"Authorization: $ADMIN_TOKEN"' : `'Authorization: ${config.adminToken}'`

console.log(`
Generate a SCIM token:

  curl -X POST ${address}/api/admin/scim-settings/generate-new-token -H ${header}

The API is documented at ${address}/docs; Ctrl-C stops the host.
`)
