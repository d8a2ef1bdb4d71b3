module example.com/swift

go 1.19
