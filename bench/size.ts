import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Bytes on disk of the package and its dependencies. Fastify is the host's. */
export interface Sizes {
  package: number
  dependencies: { name: string, bytes: number }[]
}

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

/** Adds up the files of the package as published, and of all its dependencies. */
export async function measureSizes (): Promise<Sizes> {
  const packed = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root })
  const listed = await run('npm', ['ls', '--all', '--omit=dev', '--parseable'], { cwd: root })
  const [, ...folders] = listed.stdout.trim().split('\n')
  const dependencies = await Promise.all(folders.map(async (folder) => ({
    name: folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length),
    bytes: await folderSize(folder)
  })))
  return {
    package: JSON.parse(packed.stdout)[0].unpackedSize,
    dependencies: dependencies.sort((a, b) => b.bytes - a.bytes)
  }
}

async function folderSize (folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.slice(folder.length).includes('node_modules'))
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
