module example.com/sure

go 1.26
