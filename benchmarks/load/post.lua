-- Sends the request in the file that the first argument names, again and again, each id of twelve zeros in
-- it replaced by a number that counts up from the second argument. Prints the counts as JSON.

local ID = "000000000000"
local pieces, number = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local template = file:read("*a")
  file:close()
  local position = 1
  while true do
    local first, last = template:find(ID, position, true)
    if not first then break end
    table.insert(pieces, template:sub(position, first - 1))
    table.insert(pieces, ID)
    position = last + 1
  end
  table.insert(pieces, template:sub(position))
  number = tonumber(args[2])
end

function request()
  for index = 2, #pieces, 2 do
    number = number + 1
    pieces[index] = string.format("%012d", number)
  end
  return table.concat(pieces)
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('{"answered":%d,"refused":%d,"failed":%d}\n', summary.requests, errors.status, failed))
end
