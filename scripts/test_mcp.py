"""`flakydetector mcp` beside a client that others wrote: the binary's path is the first argument."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import unittest

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

BINARY = os.path.abspath(sys.argv.pop(1))
TEST = 'import os\n\n\ndef test_names(out):\n    assert os.listdir(out) == ["a", "b"]\n'


class Client(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name, text in (("pytest.ini", "[pytest]\n"), ("test_a.py", TEST)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        subprocess.run([BINARY, "index", "."], cwd=self.folder, check=True, capture_output=True)

    def ask(self, talk):
        async def session():
            server = StdioServerParameters(
                command=BINARY, args=["mcp", "--model", "none"], cwd=self.folder, env=dict(os.environ)
            )
            async with stdio_client(server) as (reader, writer), ClientSession(reader, writer) as client:
                await client.initialize()
                return await talk(client)

        return asyncio.run(session())

    def test_tools(self):
        async def talk(client):
            tools = [tool.name for tool in (await client.list_tools()).tools]
            found = await client.call_tool("search", {"query": "directory listing order"})
            fix = await client.call_tool("fix", {"test": "test_a.py::test_names"})
            return tools, json.loads(found.content[0].text), json.loads(fix.content[0].text)

        tools, found, fix = self.ask(talk)
        self.assertEqual(tools, ["scan", "search", "similar", "explain", "fix", "patterns", "rule"])
        self.assertEqual(found["hits"][0]["id"], "test_a.py::test_names")
        self.assertTrue(fix["fix"]["verified"], fix)

    def test_resources(self):
        async def talk(client):
            rules = (await client.list_resources()).resources
            text = (await client.read_resource(rules[0].uri)).contents[0].text
            templates = (await client.list_resource_templates()).resource_templates
            return len(rules), text, len(templates)

        rules, text, templates = self.ask(talk)
        self.assertGreater(rules, 40)
        self.assertTrue(text.startswith("# FD101"), text)
        self.assertEqual(templates, 1)


if __name__ == "__main__":
    unittest.main()
