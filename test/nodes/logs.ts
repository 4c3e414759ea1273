import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const secret = /scim_[0-9A-Za-z]{20,}|[0-9a-f]{64}/

/** Reads all logs of a run. Returns the lines with a token or a hash, and everything that a process wrote to stderr. */
export async function scanLogs (folder: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await readdir(folder)) {
    for await (const raw of createInterface({ input: createReadStream(join(folder, name)) })) {
      const line = withBytesAsText(raw)
      if (secret.test(line)) found.push(`${name} contains a secret: ${line.replaceAll(new RegExp(secret, 'g'), '***')}`)
      if (name.endsWith('.stderr')) found.push(`${name}: ${line}`)
    }
  }
  return found
}

/** The logger writes a buffer as a list of numbers. */
function withBytesAsText (line: string): string {
  return line.replaceAll(/\[(\d+(?:,\d+)+)\]/g, (_list, numbers: string) => Buffer.from(numbers.split(',').map(Number)).toString('latin1'))
}
